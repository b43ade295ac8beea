<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de" sourcelanguage="en">
<context>
    <name>AddGatewayDialog</name>
    <message>
        <source>Add a gateway</source>
        <translation>Gateway hinzufügen</translation>
    </message>
    <message>
        <source>Connection string</source>
        <translation>Verbindungszeichenfolge</translation>
    </message>
    <message>
        <source>made from the address</source>
        <translation>wird aus der Adresse gebildet</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>&amp;Add</source>
        <translation>&amp;Hinzufügen</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>&amp;Name</source>
        <translation>&amp;Name</translation>
    </message>
    <message>
        <source>Paste the connection string of a namespace: from the portal of Azure, or from whoever runs the gateway. Its key is kept in the keystore, nowhere else.</source>
        <translation>Fügen Sie die Verbindungszeichenfolge eines Namespace ein: aus dem Azure-Portal oder von der Person, die das Gateway betreibt. Ihr Schlüssel wird im Schlüsselspeicher aufbewahrt, nirgends sonst.</translation>
    </message>
    <message>
        <source>That is an invitation to one service: use “Connect to…” for it.</source>
        <translation>Das ist eine Einladung zu einem einzelnen Dienst: Verwenden Sie dafür „Verbinden mit…“.</translation>
    </message>
    <message>
        <source>the key allows: {rights}</source>
        <translation>der Schlüssel erlaubt: {rights}</translation>
    </message>
    <message>
        <source>only for the path {path}</source>
        <translation>nur für den Pfad {path}</translation>
    </message>
    <message>
        <source>without TLS</source>
        <translation>ohne TLS</translation>
    </message>
    <message>
        <source>The gateway {name} was added.</source>
        <translation>Das Gateway {name} wurde hinzugefügt.</translation>
    </message>
</context>
<context>
    <name>Bodies</name>
    <message>
        <source>Laid out</source>
        <translation>Gegliedert</translation>
    </message>
    <message>
        <source>As text</source>
        <translation>Als Text</translation>
    </message>
    <message>
        <source>Picture</source>
        <translation>Bild</translation>
    </message>
    <message>
        <source>Bytes</source>
        <translation>Bytes</translation>
    </message>
    <message>
        <source>Shown as it came: {why}</source>
        <translation>Gezeigt, wie er kam: {why}</translation>
    </message>
    <message>
        <source>Unpacked from {coding}</source>
        <translation>Aus {coding} entpackt</translation>
    </message>
    <message>
        <source>The first {size}</source>
        <translation>Die ersten {size}</translation>
    </message>
</context>
<context>
    <name>BodyPane</name>
    <message>
        <source>How to show the request's body</source>
        <translation>Wie der Rumpf der Anfrage gezeigt wird</translation>
    </message>
    <message>
        <source>How to show the answer's body</source>
        <translation>Wie der Rumpf der Antwort gezeigt wird</translation>
    </message>
    <message>
        <source>Show more</source>
        <translation>Mehr zeigen</translation>
    </message>
    <message>
        <source>Save…</source>
        <translation>Speichern…</translation>
    </message>
    <message>
        <source>Body of the request</source>
        <translation>Rumpf der Anfrage</translation>
    </message>
    <message>
        <source>Body of the answer</source>
        <translation>Rumpf der Antwort</translation>
    </message>
    <message>
        <source>Save the body</source>
        <translation>Rumpf speichern</translation>
    </message>
    <message>
        <source>The body was saved as {path}.</source>
        <translation>Der Rumpf wurde als {path} gespeichert.</translation>
    </message>
</context>
<context>
    <name>BundledCard</name>
    <message>
        <source>Who reaches the gateway of this computer</source>
        <translation>Wer das Gateway dieses Computers erreicht</translation>
    </message>
    <message>
        <source>Only this computer</source>
        <translation>Nur dieser Computer</translation>
    </message>
    <message>
        <source>My network (with TLS)</source>
        <translation>Mein Netzwerk (mit TLS)</translation>
    </message>
    <message>
        <source>Open to my network</source>
        <translation>Für mein Netzwerk öffnen</translation>
    </message>
    <message>
        <source>Started anew, with TLS, for whoever reaches this computer</source>
        <translation>Wird neu gestartet, mit TLS, für alle, die diesen Computer erreichen</translation>
    </message>
    <message>
        <source>Start</source>
        <translation>Starten</translation>
    </message>
    <message>
        <source>Gateway on this computer</source>
        <translation>Gateway auf diesem Computer</translation>
    </message>
    <message>
        <source>A relay of your own, without any account. It ends with RelayDesk.</source>
        <translation>Ein eigenes Relay, ganz ohne Konto. Es endet mit RelayDesk.</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>Beenden</translation>
    </message>
    <message>
        <source>Your network can reach what is shared here, with a link.</source>
        <translation>Ihr Netzwerk erreicht mit einem Link, was hier freigegeben ist.</translation>
    </message>
    <message>
        <source>Links have another address now: copy them again.</source>
        <translation>Links haben jetzt eine andere Adresse: Kopieren Sie sie erneut.</translation>
    </message>
</context>
<context>
    <name>CheckCard</name>
    <message>
        <source>&amp;Try again</source>
        <translation>&amp;Erneut versuchen</translation>
    </message>
    <message>
        <source>Trying the way to the gateway…</source>
        <translation>Der Weg zum Gateway wird geprüft…</translation>
    </message>
    <message>
        <source>The way is clear.</source>
        <translation>Der Weg ist frei.</translation>
    </message>
</context>
<context>
    <name>CheckList</name>
    <message>
        <source>Checks</source>
        <translation>Prüfungen</translation>
    </message>
</context>
<context>
    <name>Checks</name>
    <message>
        <source>Local service</source>
        <translation>Lokaler Dienst</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>Proxy</source>
        <translation>Proxy</translation>
    </message>
    <message>
        <source>Port</source>
        <translation>Port</translation>
    </message>
    <message>
        <source>TLS and certificate</source>
        <translation>TLS und Zertifikat</translation>
    </message>
    <message>
        <source>Clock</source>
        <translation>Uhr</translation>
    </message>
    <message>
        <source>Key</source>
        <translation>Schlüssel</translation>
    </message>
    <message>
        <source>Hybrid connection</source>
        <translation>Hybridverbindung</translation>
    </message>
    <message>
        <source>Listeners</source>
        <translation>Listener</translation>
    </message>
    <message>
        <source>End to end</source>
        <translation>Durchgängig</translation>
    </message>
    <message>
        <source>Good</source>
        <translation>Gut</translation>
    </message>
    <message>
        <source>Take note</source>
        <translation>Beachten</translation>
    </message>
    <message>
        <source>Failed</source>
        <translation>Fehlgeschlagen</translation>
    </message>
    <message>
        <source>Not tried</source>
        <translation>Nicht versucht</translation>
    </message>
    <message>
        <source>Nothing listens at the local service's port</source>
        <translation>Am Port des lokalen Dienstes antwortet kein Programm</translation>
    </message>
    <message>
        <source>Start the program, or check its port.</source>
        <translation>Starten Sie das Programm, oder prüfen Sie seinen Port.</translation>
    </message>
    <message>
        <source>The local service does not answer</source>
        <translation>Der lokale Dienst antwortet nicht</translation>
    </message>
    <message>
        <source>Check its address, and whether a firewall is in between.</source>
        <translation>Prüfen Sie seine Adresse, und ob eine Firewall dazwischen ist.</translation>
    </message>
    <message>
        <source>The gateway's name is not known</source>
        <translation>Der Name des Gateways ist nicht bekannt</translation>
    </message>
    <message>
        <source>Check the name in the connection string, and that this computer is online.</source>
        <translation>Prüfen Sie den Namen in der Verbindungszeichenfolge, und ob dieser Computer online ist.</translation>
    </message>
    <message>
        <source>The proxy cannot be reached</source>
        <translation>Der Proxy ist nicht erreichbar</translation>
    </message>
    <message>
        <source>Check the proxy in your system's settings, or switch it off there.</source>
        <translation>Prüfen Sie den Proxy in den Einstellungen Ihres Systems, oder schalten Sie ihn dort aus.</translation>
    </message>
    <message>
        <source>The proxy lets nothing through to the gateway</source>
        <translation>Der Proxy lässt nichts zum Gateway durch</translation>
    </message>
    <message>
        <source>Ask whoever runs the network to allow the gateway's name and port.</source>
        <translation>Bitten Sie den Betreiber des Netzwerks, Name und Port des Gateways zu erlauben.</translation>
    </message>
    <message>
        <source>Nobody answers at the gateway's port</source>
        <translation>Am Port des Gateways antwortet niemand</translation>
    </message>
    <message>
        <source>Check the address and the port, and that the gateway is running.</source>
        <translation>Prüfen Sie Adresse und Port, und ob das Gateway läuft.</translation>
    </message>
    <message>
        <source>The gateway's port is blocked</source>
        <translation>Der Port des Gateways ist gesperrt</translation>
    </message>
    <message>
        <source>A firewall drops it, most often. Ask whoever runs the network to allow it, or use a proxy.</source>
        <translation>Meist verwirft ihn eine Firewall. Bitten Sie den Betreiber des Netzwerks, ihn zu erlauben, oder verwenden Sie einen Proxy.</translation>
    </message>
    <message>
        <source>What answers there speaks no TLS</source>
        <translation>Was dort antwortet, spricht kein TLS</translation>
    </message>
    <message>
        <source>Check the port. A gateway without TLS gives connection strings that end with UseDevelopmentEmulator=true.</source>
        <translation>Prüfen Sie den Port. Ein Gateway ohne TLS gibt Verbindungszeichenfolgen aus, die mit UseDevelopmentEmulator=true enden.</translation>
    </message>
    <message>
        <source>The gateway's certificate is not trusted</source>
        <translation>Dem Zertifikat des Gateways wird nicht vertraut</translation>
    </message>
    <message>
        <source>Trust the authority that signed it in your system's settings, or ask whoever runs the gateway.</source>
        <translation>Vertrauen Sie der ausstellenden Zertifizierungsstelle in den Einstellungen Ihres Systems, oder fragen Sie den Betreiber des Gateways.</translation>
    </message>
    <message>
        <source>The gateway's certificate is over</source>
        <translation>Das Zertifikat des Gateways ist abgelaufen</translation>
    </message>
    <message>
        <source>Check this computer's clock; if that is right, tell whoever runs the gateway.</source>
        <translation>Prüfen Sie die Uhr dieses Computers; geht sie richtig, sagen Sie es dem Betreiber des Gateways.</translation>
    </message>
    <message>
        <source>The certificate is for another name</source>
        <translation>Das Zertifikat ist für einen anderen Namen</translation>
    </message>
    <message>
        <source>Use the name that the certificate is for, in the connection string.</source>
        <translation>Verwenden Sie in der Verbindungszeichenfolge den Namen, für den das Zertifikat gilt.</translation>
    </message>
    <message>
        <source>This computer's clock is wrong</source>
        <translation>Die Uhr dieses Computers geht falsch</translation>
    </message>
    <message>
        <source>Set the clock, best by letting the system set it from the network.</source>
        <translation>Stellen Sie die Uhr, am besten, indem das System sie aus dem Netzwerk stellt.</translation>
    </message>
    <message>
        <source>What answers there is no gateway</source>
        <translation>Was dort antwortet, ist kein Gateway</translation>
    </message>
    <message>
        <source>Check the address and the port in the connection string.</source>
        <translation>Prüfen Sie Adresse und Port in der Verbindungszeichenfolge.</translation>
    </message>
    <message>
        <source>The gateway does not accept the key</source>
        <translation>Das Gateway akzeptiert den Schlüssel nicht</translation>
    </message>
    <message>
        <source>The key is wrong or was replaced. Copy the connection string again, from its beginning to its end.</source>
        <translation>Der Schlüssel ist falsch oder wurde ersetzt. Kopieren Sie die Verbindungszeichenfolge erneut, von Anfang bis Ende.</translation>
    </message>
    <message>
        <source>The key lacks a right</source>
        <translation>Dem Schlüssel fehlt ein Recht</translation>
    </message>
    <message>
        <source>Ask whoever runs the gateway for a key that may listen.</source>
        <translation>Bitten Sie den Betreiber des Gateways um einen Schlüssel, der empfangen darf.</translation>
    </message>
    <message>
        <source>The time of the key or invitation is over</source>
        <translation>Die Zeit des Schlüssels oder der Einladung ist abgelaufen</translation>
    </message>
    <message>
        <source>Ask for a new one.</source>
        <translation>Bitten Sie um einen neuen.</translation>
    </message>
    <message>
        <source>There is no such hybrid connection</source>
        <translation>Diese Hybridverbindung gibt es nicht</translation>
    </message>
    <message>
        <source>Check its name, or have it made: in Azure's portal, or with a key of the namespace that may manage.</source>
        <translation>Prüfen Sie ihren Namen, oder lassen Sie sie anlegen: im Azure-Portal oder mit einem Schlüssel des Namespace, der verwalten darf.</translation>
    </message>
    <message>
        <source>As many listen there as may</source>
        <translation>Dort sind schon so viele Listener, wie es sein dürfen</translation>
    </message>
    <message>
        <source>End one of the other programs that listen there.</source>
        <translation>Beenden Sie eines der anderen Programme, die dort empfangen.</translation>
    </message>
    <message>
        <source>Nobody listens there at the moment</source>
        <translation>Dort empfängt gerade niemand</translation>
    </message>
    <message>
        <source>It works as soon as the other side shares its service again.</source>
        <translation>Es funktioniert, sobald die andere Seite ihren Dienst wieder freigibt.</translation>
    </message>
    <message>
        <source>A request of our own did not come back</source>
        <translation>Eine eigene Anfrage kam nicht zurück</translation>
    </message>
    <message>
        <source>Try again; if it stays so, look at the gateway.</source>
        <translation>Versuchen Sie es erneut; bleibt es dabei, sehen Sie nach dem Gateway.</translation>
    </message>
    <message>
        <source>The connection string cannot be used</source>
        <translation>Die Verbindungszeichenfolge ist nicht verwendbar</translation>
    </message>
    <message>
        <source>Copy it again, from its beginning to its end.</source>
        <translation>Kopieren Sie sie erneut, von Anfang bis Ende.</translation>
    </message>
    <message>
        <source>The key cannot be had from the keystore</source>
        <translation>Der Schlüsselspeicher gibt den Schlüssel nicht heraus</translation>
    </message>
    <message>
        <source>Unlock the keyring of your system, then try again.</source>
        <translation>Entsperren Sie den Schlüsselbund Ihres Systems, und versuchen Sie es erneut.</translation>
    </message>
    <message>
        <source>Checking</source>
        <translation>Wird geprüft</translation>
    </message>
    <message>
        <source>Waiting</source>
        <translation>Wartet</translation>
    </message>
</context>
<context>
    <name>ChooseCard</name>
    <message>
        <source>What was sent to you</source>
        <translation>Was Ihnen geschickt wurde</translation>
    </message>
    <message>
        <source>Paste it as it is, or drop a file: a connection string, JSON of Azure's portal, a configuration of azbridge, an invitation</source>
        <translation>Fügen Sie es ein, wie es ist, oder ziehen Sie eine Datei hierher: eine Verbindungszeichenfolge, JSON aus dem Azure-Portal, eine Konfiguration von azbridge, eine Einladung</translation>
    </message>
    <message>
        <source>Which of them</source>
        <translation>Welche davon</translation>
    </message>
    <message>
        <source>Choose where &amp;keys are kept…</source>
        <translation>&amp;Schlüsselspeicher wählen…</translation>
    </message>
    <message>
        <source>&amp;Paste a connection string</source>
        <translation>Verbindungszeichenfolge &amp;einfügen</translation>
    </message>
    <message>
        <source>You have a namespace of Azure Relay, or the key of somebody's gateway.</source>
        <translation>Sie haben einen Namespace von Azure Relay oder den Schlüssel eines Gateways.</translation>
    </message>
    <message>
        <source>Use this computer as a &amp;gateway</source>
        <translation>Diesen Computer als &amp;Gateway verwenden</translation>
    </message>
    <message>
        <source>No account is needed, and no internet: for trying things out, or for your own network.</source>
        <translation>Es braucht kein Konto und kein Internet: zum Ausprobieren oder für Ihr eigenes Netzwerk.</translation>
    </message>
    <message>
        <source>I have an &amp;invitation</source>
        <translation>Ich habe eine Ein&amp;ladung</translation>
    </message>
    <message>
        <source>Somebody shares a service with you, and it becomes a port of this computer.</source>
        <translation>Jemand gibt einen Dienst für Sie frei, und er wird zu einem Port dieses Computers.</translation>
    </message>
    <message>
        <source>For &amp;this computer alone: to try things out</source>
        <translation>Nur für &amp;diesen Computer: zum Ausprobieren</translation>
    </message>
    <message>
        <source>For my &amp;network, with TLS: whoever reaches this computer, with a link</source>
        <translation>Für mein &amp;Netzwerk, mit TLS: für alle, die diesen Computer erreichen, mit einem Link</translation>
    </message>
    <message>
        <source>&amp;Try the keyring again</source>
        <translation>Schlüsselbund erneut &amp;versuchen</translation>
    </message>
    <message>
        <source>&amp;Unlock keys…</source>
        <translation>Schlüssel ents&amp;perren…</translation>
    </message>
    <message>
        <source>Starting the gateway…</source>
        <translation>Das Gateway wird gestartet…</translation>
    </message>
    <message>
        <source>Putting the key into the keystore…</source>
        <translation>Der Schlüssel wird in den Schlüsselspeicher gelegt…</translation>
    </message>
    <message>
        <source>Service</source>
        <translation>Dienst</translation>
    </message>
    <message>
        <source>Namespace</source>
        <translation>Namespace</translation>
    </message>
    <message>
        <source>Path</source>
        <translation>Pfad</translation>
    </message>
    <message>
        <source>Key</source>
        <translation>Schlüssel</translation>
    </message>
    <message>
        <source>It allows</source>
        <translation>Er erlaubt</translation>
    </message>
    <message>
        <source>Leads to</source>
        <translation>Führt zu</translation>
    </message>
    <message>
        <source>That file is no short text.</source>
        <translation>Diese Datei ist kein kurzer Text.</translation>
    </message>
</context>
<context>
    <name>ConnectDialog</name>
    <message>
        <source>Connect to a shared service</source>
        <translation>Mit einem freigegebenen Dienst verbinden</translation>
    </message>
    <message>
        <source>Paste an invitation or a connection string, as it was sent</source>
        <translation>Fügen Sie eine Einladung oder eine Verbindungszeichenfolge ein, wie sie geschickt wurde</translation>
    </message>
    <message>
        <source>Invitation or connection string</source>
        <translation>Einladung oder Verbindungszeichenfolge</translation>
    </message>
    <message>
        <source>Which of them</source>
        <translation>Welche davon</translation>
    </message>
    <message>
        <source>Local port</source>
        <translation>Lokaler Port</translation>
    </message>
    <message>
        <source>&amp;Connect</source>
        <translation>&amp;Verbinden</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>On this computer, at &amp;port</source>
        <translation>Auf diesem Computer, an &amp;Port</translation>
    </message>
    <message>
        <source>A service that somebody shares becomes a port of this computer.</source>
        <translation>Ein Dienst, den jemand freigibt, wird zu einem Port dieses Computers.</translation>
    </message>
    <message>
        <source>{gateway}: that is the key of a whole namespace. Add it on the page Gateways, to share services through it.</source>
        <translation>{gateway}: Das ist der Schlüssel eines ganzen Namespace. Fügen Sie ihn auf der Seite Gateways hinzu, um Dienste darüber freizugeben.</translation>
    </message>
    <message>
        <source>{service} at {gateway}</source>
        <translation>{service} bei {gateway}</translation>
    </message>
    <message>
        <source>path {path}</source>
        <translation>Pfad {path}</translation>
    </message>
    <message>
        <source>a web site</source>
        <translation>eine Website</translation>
    </message>
    <message>
        <source>good for {duration}</source>
        <translation>gültig für {duration}</translation>
    </message>
    <message>
        <source>without TLS</source>
        <translation>ohne TLS</translation>
    </message>
</context>
<context>
    <name>Connections</name>
    <message>
        <source>Stream</source>
        <translation>Datenstrom</translation>
    </message>
    <message>
        <source>WebSocket</source>
        <translation>WebSocket</translation>
    </message>
    <message>
        <source>Request</source>
        <translation>Anfrage</translation>
    </message>
    <message>
        <source>Service</source>
        <translation>Dienst</translation>
    </message>
    <message>
        <source>From</source>
        <translation>Von</translation>
    </message>
    <message>
        <source>What</source>
        <translation>Was</translation>
    </message>
    <message>
        <source>Started</source>
        <translation>Beginn</translation>
    </message>
    <message>
        <source>Age</source>
        <translation>Dauer</translation>
    </message>
    <message>
        <source>Received</source>
        <translation>Empfangen</translation>
    </message>
    <message>
        <source>Sent</source>
        <translation>Gesendet</translation>
    </message>
    <message>
        <source>↓ Rate</source>
        <translation>↓ Rate</translation>
    </message>
    <message>
        <source>↑ Rate</source>
        <translation>↑ Rate</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Status</translation>
    </message>
    <message>
        <source>Last minute</source>
        <translation>Letzte Minute</translation>
    </message>
</context>
<context>
    <name>ConnectionsPage</name>
    <message>
        <source>Filter</source>
        <translation>Filtern</translation>
    </message>
    <message>
        <source>Filter connections</source>
        <translation>Verbindungen filtern</translation>
    </message>
    <message>
        <source>&amp;Cut</source>
        <translation>&amp;Trennen</translation>
    </message>
    <message>
        <source>Connections</source>
        <translation>Verbindungen</translation>
    </message>
    <message>
        <source>Cut</source>
        <translation>Trennen</translation>
    </message>
    <message>
        <source>Nobody is connected</source>
        <translation>Niemand ist verbunden</translation>
    </message>
    <message>
        <source>As soon as somebody uses a service of yours, it is seen here: who, since when, and how much.</source>
        <translation>Sobald jemand einen Ihrer Dienste nutzt, sehen Sie es hier: wer, seit wann und wie viel.</translation>
    </message>
    <message numerus="yes">
        <source>%Ln ended within the last minute</source>
        <translation>
            <numerusform>%Ln in der letzten Minute beendet</numerusform>
            <numerusform>%Ln in der letzten Minute beendet</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>DifferenceDialog</name>
    <message>
        <source>How {other} differs from {one}</source>
        <translation>Wie sich {other} von {one} unterscheidet</translation>
    </message>
    <message>
        <source>Comparing…</source>
        <translation>Wird verglichen…</translation>
    </message>
    <message>
        <source>Difference</source>
        <translation>Unterschied</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Lines with − are of the first, lines with + of the second. Secrets are masked.</source>
        <translation>Zeilen mit − gehören zum ersten, Zeilen mit + zum zweiten. Geheimnisse sind verdeckt.</translation>
    </message>
    <message>
        <source>There is no difference.</source>
        <translation>Es gibt keinen Unterschied.</translation>
    </message>
</context>
<context>
    <name>DoctorPage</name>
    <message>
        <source>What is examined</source>
        <translation>Was untersucht wird</translation>
    </message>
    <message>
        <source>&amp;Examine</source>
        <translation>&amp;Untersuchen</translation>
    </message>
    <message>
        <source>C&amp;opy the report</source>
        <translation>Bericht k&amp;opieren</translation>
    </message>
    <message>
        <source>&amp;Save the report…</source>
        <translation>Bericht &amp;speichern…</translation>
    </message>
    <message>
        <source>Expose a service…</source>
        <translation>Dienst freigeben…</translation>
    </message>
    <message>
        <source>Nothing to examine yet</source>
        <translation>Noch gibt es nichts zu untersuchen</translation>
    </message>
    <message>
        <source>Once something is shared, each hop between it and whoever uses it can be tried here: the local port, the network, the gateway's certificate, the clock, the key, and the whole way there and back.</source>
        <translation>Sobald etwas freigegeben ist, lässt sich hier jeder Abschnitt bis zu denen prüfen, die es nutzen: der lokale Port, das Netzwerk, das Zertifikat des Gateways, die Uhr, der Schlüssel und der ganze Weg hin und zurück.</translation>
    </message>
    <message>
        <source>Service {name}</source>
        <translation>Dienst {name}</translation>
    </message>
    <message>
        <source>Gateway {name}</source>
        <translation>Gateway {name}</translation>
    </message>
    <message>
        <source>Trying each hop…</source>
        <translation>Jeder Abschnitt wird geprüft…</translation>
    </message>
    <message>
        <source>The way is clear.</source>
        <translation>Der Weg ist frei.</translation>
    </message>
    <message>
        <source>Every hop that could be tried from here works.</source>
        <translation>Jeder Abschnitt, der sich von hier prüfen ließ, funktioniert.</translation>
    </message>
    <message>
        <source>The report is on the clipboard.</source>
        <translation>Der Bericht ist in der Zwischenablage.</translation>
    </message>
    <message>
        <source>It holds no key and no token.</source>
        <translation>Er enthält keinen Schlüssel und kein Token.</translation>
    </message>
    <message>
        <source>Save the report</source>
        <translation>Bericht speichern</translation>
    </message>
    <message>
        <source>The report was saved as {path}.</source>
        <translation>Der Bericht wurde als {path} gespeichert.</translation>
    </message>
</context>
<context>
    <name>ExchangeDetails</name>
    <message>
        <source>Headers of the handshake</source>
        <translation>Kopfzeilen des Handshakes</translation>
    </message>
    <message>
        <source>Headers of its answer</source>
        <translation>Kopfzeilen seiner Antwort</translation>
    </message>
    <message>
        <source>Parts of a WebSocket</source>
        <translation>Teile eines WebSockets</translation>
    </message>
    <message>
        <source>Messages</source>
        <translation>Nachrichten</translation>
    </message>
    <message>
        <source>Handshake</source>
        <translation>Handshake</translation>
    </message>
    <message>
        <source>Its answer</source>
        <translation>Seine Antwort</translation>
    </message>
</context>
<context>
    <name>Exchanges</name>
    <message>
        <source>Sent again from here (replay of {id})</source>
        <translation>Von hier erneut gesendet (Wiederholung von {id})</translation>
    </message>
    <message>
        <source>From {peer}</source>
        <translation>Von {peer}</translation>
    </message>
    <message>
        <source>From {peer} through {gateway}</source>
        <translation>Von {peer} über {gateway}</translation>
    </message>
    <message>
        <source>1 exchange</source>
        <translation>1 Austausch</translation>
    </message>
    <message numerus="yes">
        <source>%Ln exchanges</source>
        <translation>
            <numerusform>%Ln Austausch</numerusform>
            <numerusform>%Ln Austausche</numerusform>
        </translation>
    </message>
    <message>
        <source>1 exchange was saved</source>
        <translation>1 Austausch wurde gespeichert</translation>
    </message>
    <message numerus="yes">
        <source>%Ln exchanges were saved</source>
        <translation>
            <numerusform>%Ln Austausch wurde gespeichert</numerusform>
            <numerusform>%Ln Austausche wurden gespeichert</numerusform>
        </translation>
    </message>
    <message>
        <source>1 message</source>
        <translation>1 Nachricht</translation>
    </message>
    <message numerus="yes">
        <source>%Ln messages</source>
        <translation>
            <numerusform>%Ln Nachricht</numerusform>
            <numerusform>%Ln Nachrichten</numerusform>
        </translation>
    </message>
    <message>
        <source>Admission</source>
        <translation>Einlass</translation>
    </message>
    <message>
        <source>Connecting locally</source>
        <translation>Lokale Verbindung</translation>
    </message>
    <message>
        <source>Local server</source>
        <translation>Lokaler Server</translation>
    </message>
    <message>
        <source>Way back</source>
        <translation>Rückweg</translation>
    </message>
    <message>
        <source>Body</source>
        <translation>Rumpf</translation>
    </message>
    <message>
        <source>it is longer than one body may be</source>
        <translation>er ist länger, als ein Rumpf sein darf</translation>
    </message>
    <message>
        <source>more came in a short time than is kept</source>
        <translation>in kurzer Zeit kam mehr, als aufbewahrt wird</translation>
    </message>
    <message>
        <source>the disk did not take it</source>
        <translation>der Datenträger hat ihn nicht angenommen</translation>
    </message>
    <message>
        <source>it went when newer ones needed the room</source>
        <translation>er ging, als neuere den Platz brauchten</translation>
    </message>
    <message>
        <source>No body</source>
        <translation>Kein Rumpf</translation>
    </message>
    <message>
        <source>No body yet</source>
        <translation>Noch kein Rumpf</translation>
    </message>
    <message>
        <source>{size}, of which {kept} are kept: {why}</source>
        <translation>{size}, davon {kept} aufbewahrt: {why}</translation>
    </message>
    <message>
        <source>{size} so far, or cut</source>
        <translation>bisher {size}, oder abgeschnitten</translation>
    </message>
    <message>
        <source>Header</source>
        <translation>Kopfzeile</translation>
    </message>
    <message>
        <source>Value</source>
        <translation>Wert</translation>
    </message>
    <message>
        <source>Failed</source>
        <translation>Fehlgeschlagen</translation>
    </message>
    <message>
        <source>No answer</source>
        <translation>Keine Antwort</translation>
    </message>
    <message>
        <source>Waiting</source>
        <translation>Wartet</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Offen</translation>
    </message>
    <message>
        <source>replay of {id}</source>
        <translation>Wiederholung von {id}</translation>
    </message>
    <message>
        <source>pinned</source>
        <translation>angeheftet</translation>
    </message>
    <message>
        <source>Time</source>
        <translation>Zeit</translation>
    </message>
    <message>
        <source>Service</source>
        <translation>Dienst</translation>
    </message>
    <message>
        <source>Method</source>
        <translation>Methode</translation>
    </message>
    <message>
        <source>Path</source>
        <translation>Pfad</translation>
    </message>
    <message>
        <source>Status</source>
        <translation>Status</translation>
    </message>
    <message>
        <source>Took</source>
        <translation>Dauer</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Größe</translation>
    </message>
    <message>
        <source>Note</source>
        <translation>Notiz</translation>
    </message>
</context>
<context>
    <name>ExposeDialog</name>
    <message>
        <source>Expose a service</source>
        <translation>Dienst freigeben</translation>
    </message>
    <message>
        <source>3000, host:3000 or http://host</source>
        <translation>3000, host:3000 oder http://host</translation>
    </message>
    <message>
        <source>Other host or port</source>
        <translation>Anderer Host oder Port</translation>
    </message>
    <message>
        <source>Expose &amp;it</source>
        <translation>F&amp;reigeben</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Only people with the link</source>
        <translation>Nur Personen mit dem Link</translation>
    </message>
    <message>
        <source>Whoever has a key of the gateway</source>
        <translation>Alle mit einem Schlüssel des Gateways</translation>
    </message>
    <message>
        <source>Everybody (public)</source>
        <translation>Alle (öffentlich)</translation>
    </message>
    <message>
        <source>Until I stop it</source>
        <translation>Bis ich sie beende</translation>
    </message>
    <message>
        <source>Running on this computer</source>
        <translation>Auf diesem Computer laufen</translation>
    </message>
    <message>
        <source>Other &amp;host or port</source>
        <translation>Anderer &amp;Host oder Port</translation>
    </message>
    <message>
        <source>&amp;Through</source>
        <translation>Ü&amp;ber</translation>
    </message>
    <message>
        <source>&amp;Who</source>
        <translation>&amp;Wer</translation>
    </message>
    <message>
        <source>&amp;For</source>
        <translation>&amp;Für</translation>
    </message>
</context>
<context>
    <name>Formats</name>
    <message>
        <source>{n} B</source>
        <translation>{n} B</translation>
    </message>
    <message>
        <source>{size}/s</source>
        <translation>{size}/s</translation>
    </message>
    <message>
        <source>{n} s</source>
        <translation>{n} s</translation>
    </message>
    <message>
        <source>{minutes} min {seconds} s</source>
        <translation>{minutes} min {seconds} s</translation>
    </message>
    <message>
        <source>{hours} h {minutes} min</source>
        <translation>{hours} h {minutes} min</translation>
    </message>
    <message>
        <source>{days} d {hours} h</source>
        <translation>{days} d {hours} h</translation>
    </message>
    <message>
        <source>{n} min</source>
        <translation>{n} min</translation>
    </message>
    <message>
        <source>{n} h</source>
        <translation>{n} h</translation>
    </message>
    <message numerus="yes">
        <source>%Ln days</source>
        <translation>
            <numerusform>%Ln Tag</numerusform>
            <numerusform>%Ln Tage</numerusform>
        </translation>
    </message>
    <message>
        <source>now</source>
        <translation>jetzt</translation>
    </message>
    <message>
        <source>in {duration}</source>
        <translation>in {duration}</translation>
    </message>
    <message>
        <source>for {duration}</source>
        <translation>{duration} lang</translation>
    </message>
    <message>
        <source>{n} ms</source>
        <translation>{n} ms</translation>
    </message>
    <message>
        <source>{date}, {time}</source>
        <translation>{date}, {time}</translation>
    </message>
</context>
<context>
    <name>GatewayDetails</name>
    <message>
        <source>Copy connection string</source>
        <translation>Verbindungszeichenfolge kopieren</translation>
    </message>
    <message>
        <source>&amp;Remove</source>
        <translation>&amp;Entfernen</translation>
    </message>
    <message>
        <source>Connection string</source>
        <translation>Verbindungszeichenfolge</translation>
    </message>
    <message>
        <source>Whoever has this string can do all that its key allows. It is hidden again in half a minute.</source>
        <translation>Wer diese Zeichenfolge hat, kann alles tun, was ihr Schlüssel erlaubt. In einer halben Minute wird sie wieder verborgen.</translation>
    </message>
    <message>
        <source>key {name}</source>
        <translation>Schlüssel {name}</translation>
    </message>
    <message>
        <source>allows {rights}</source>
        <translation>erlaubt {rights}</translation>
    </message>
    <message>
        <source>only for the path {path}</source>
        <translation>nur für den Pfad {path}</translation>
    </message>
    <message>
        <source>Show connection string</source>
        <translation>Verbindungszeichenfolge anzeigen</translation>
    </message>
    <message>
        <source>Hide connection string</source>
        <translation>Verbindungszeichenfolge verbergen</translation>
    </message>
    <message>
        <source>The connection string is on the clipboard.</source>
        <translation>Die Verbindungszeichenfolge ist in der Zwischenablage.</translation>
    </message>
    <message>
        <source>It holds a key: paste it only where it belongs.</source>
        <translation>Sie enthält einen Schlüssel: Fügen Sie sie nur dort ein, wo sie hingehört.</translation>
    </message>
    <message>
        <source>The gateway {name} and its key are forgotten.</source>
        <translation>Das Gateway {name} und sein Schlüssel sind vergessen.</translation>
    </message>
</context>
<context>
    <name>Gateways</name>
    <message>
        <source>not known</source>
        <translation>nicht bekannt</translation>
    </message>
    <message>
        <source>nothing</source>
        <translation>nichts</translation>
    </message>
    <message>
        <source>made here</source>
        <translation>hier erstellt</translation>
    </message>
    <message>
        <source>{address} (without TLS)</source>
        <translation>{address} (ohne TLS)</translation>
    </message>
    <message>
        <source>Only this computer</source>
        <translation>Nur dieser Computer</translation>
    </message>
    <message>
        <source>My network</source>
        <translation>Mein Netzwerk</translation>
    </message>
    <message>
        <source>no service</source>
        <translation>kein Dienst</translation>
    </message>
    <message>
        <source>1 service</source>
        <translation>1 Dienst</translation>
    </message>
    <message numerus="yes">
        <source>%Ln services</source>
        <translation>
            <numerusform>%Ln Dienst</numerusform>
            <numerusform>%Ln Dienste</numerusform>
        </translation>
    </message>
    <message>
        <source>State</source>
        <translation>Status</translation>
    </message>
    <message>
        <source>Gateway</source>
        <translation>Gateway</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>Adresse</translation>
    </message>
    <message>
        <source>Key</source>
        <translation>Schlüssel</translation>
    </message>
    <message>
        <source>The key allows</source>
        <translation>Der Schlüssel erlaubt</translation>
    </message>
    <message>
        <source>Only for path</source>
        <translation>Nur für Pfad</translation>
    </message>
    <message>
        <source>Services</source>
        <translation>Dienste</translation>
    </message>
</context>
<context>
    <name>GatewaysPage</name>
    <message>
        <source>&amp;Add…</source>
        <translation>&amp;Hinzufügen…</translation>
    </message>
    <message>
        <source>&amp;First steps…</source>
        <translation>&amp;Erste Schritte…</translation>
    </message>
    <message>
        <source>Gateways</source>
        <translation>Gateways</translation>
    </message>
    <message>
        <source>No other gateway yet</source>
        <translation>Noch kein weiteres Gateway</translation>
    </message>
    <message>
        <source>Add one with its connection string: a namespace of Azure Relay, or a gateway that somebody runs.</source>
        <translation>Fügen Sie eines mit seiner Verbindungszeichenfolge hinzu: einen Namespace von Azure Relay oder ein Gateway, das jemand betreibt.</translation>
    </message>
    <message>
        <source>Where services are shared: yours and those that were added</source>
        <translation>Worüber Dienste freigegeben werden: Ihr eigenes und hinzugefügte</translation>
    </message>
</context>
<context>
    <name>HeadersPane</name>
    <message>
        <source>Show the secret</source>
        <translation>Geheimnis zeigen</translation>
    </message>
    <message>
        <source>Copy the value</source>
        <translation>Wert kopieren</translation>
    </message>
    <message>
        <source>Hide the secret</source>
        <translation>Geheimnis verbergen</translation>
    </message>
</context>
<context>
    <name>Health</name>
    <message>
        <source>Connecting {service}…</source>
        <translation>{service} wird verbunden…</translation>
    </message>
    <message>
        <source>Paused</source>
        <translation>Pausiert</translation>
    </message>
    <message numerus="yes">
        <source>%Ln shared</source>
        <translation>
            <numerusform>%Ln freigegeben</numerusform>
            <numerusform>%Ln freigegeben</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln connected</source>
        <translation>
            <numerusform>%Ln verbunden</numerusform>
            <numerusform>%Ln verbunden</numerusform>
        </translation>
    </message>
    <message>
        <source>1 connection</source>
        <translation>1 Verbindung</translation>
    </message>
    <message numerus="yes">
        <source>%Ln connections</source>
        <translation>
            <numerusform>%Ln Verbindung</numerusform>
            <numerusform>%Ln Verbindungen</numerusform>
        </translation>
    </message>
    <message>
        <source>1 public share</source>
        <translation>1 öffentliche Freigabe</translation>
    </message>
    <message numerus="yes">
        <source>%Ln public shares</source>
        <translation>
            <numerusform>%Ln öffentliche Freigabe</numerusform>
            <numerusform>%Ln öffentliche Freigaben</numerusform>
        </translation>
    </message>
    <message>
        <source>Keys are kept in your system's keyring.</source>
        <translation>Schlüssel werden im Schlüsselbund Ihres Systems aufbewahrt.</translation>
    </message>
    <message>
        <source>The keyring is locked, or did not answer in time.</source>
        <translation>Der Schlüsselbund ist gesperrt oder hat nicht rechtzeitig geantwortet.</translation>
    </message>
    <message>
        <source>Keys are kept in a file sealed with your passphrase.</source>
        <translation>Schlüssel werden in einer Datei aufbewahrt, die mit Ihrer Passphrase versiegelt ist.</translation>
    </message>
    <message>
        <source>Keys are in a sealed file. It needs your passphrase.</source>
        <translation>Die Schlüssel liegen in einer versiegelten Datei. Sie benötigt Ihre Passphrase.</translation>
    </message>
    <message>
        <source>Keys are forgotten when RelayDesk quits.</source>
        <translation>Schlüssel werden vergessen, wenn RelayDesk beendet wird.</translation>
    </message>
    <message>
        <source>This system has no keyring. Choose where keys are kept.</source>
        <translation>Dieses System hat keinen Schlüsselbund. Wählen Sie, wo Schlüssel aufbewahrt werden.</translation>
    </message>
    <message>
        <source>Nothing shared</source>
        <translation>Nichts freigegeben</translation>
    </message>
</context>
<context>
    <name>InspectorPage</name>
    <message>
        <source>Exchanges</source>
        <translation>Austausche</translation>
    </message>
    <message>
        <source>Nothing was captured yet</source>
        <translation>Noch wurde nichts aufgezeichnet</translation>
    </message>
    <message>
        <source>Requests to what you share, their answers and WebSockets are seen here: who asked, what came back, how long it took. Share a web server and open its link, and the first one appears. All of it stays on this computer and is gone when RelayDesk ends.</source>
        <translation>Hier sind Anfragen an das zu sehen, was Sie freigeben, ihre Antworten und WebSockets: wer gefragt hat, was zurückkam, wie lange es dauerte. Geben Sie einen Webserver frei und öffnen Sie seinen Link, und die erste Anfrage erscheint. Alles bleibt auf diesem Computer und ist weg, wenn RelayDesk endet.</translation>
    </message>
    <message>
        <source>Filter: status:5xx path:/api word</source>
        <translation>Filter: status:5xx path:/api Wort</translation>
    </message>
    <message>
        <source>Filter exchanges</source>
        <translation>Austausche filtern</translation>
    </message>
    <message>
        <source>Ready-made filters</source>
        <translation>Fertige Filter</translation>
    </message>
    <message>
        <source>Failed</source>
        <translation>Fehlgeschlagen</translation>
    </message>
    <message>
        <source>Status 400 and up</source>
        <translation>Status ab 400</translation>
    </message>
    <message>
        <source>Slower than a second</source>
        <translation>Langsamer als eine Sekunde</translation>
    </message>
    <message>
        <source>Going on</source>
        <translation>Noch nicht beendet</translation>
    </message>
    <message>
        <source>WebSockets</source>
        <translation>WebSockets</translation>
    </message>
    <message>
        <source>Replays</source>
        <translation>Wiederholungen</translation>
    </message>
    <message>
        <source>Pinned</source>
        <translation>Angeheftet</translation>
    </message>
    <message>
        <source>With a note</source>
        <translation>Mit Notiz</translation>
    </message>
    <message>
        <source>&amp;Keep requests</source>
        <translation>&amp;Aufzeichnen</translation>
    </message>
    <message>
        <source>E&amp;xport…</source>
        <translation>E&amp;xportieren…</translation>
    </message>
    <message>
        <source>C&amp;lear</source>
        <translation>&amp;Leeren</translation>
    </message>
    <message>
        <source>Replay</source>
        <translation>Wiederholen</translation>
    </message>
    <message>
        <source>Edit and replay…</source>
        <translation>Bearbeiten und wiederholen…</translation>
    </message>
    <message>
        <source>Replay several times…</source>
        <translation>Mehrmals wiederholen…</translation>
    </message>
    <message>
        <source>Compare with the original…</source>
        <translation>Mit dem Original vergleichen…</translation>
    </message>
    <message>
        <source>Copy as cURL</source>
        <translation>Als cURL kopieren</translation>
    </message>
    <message>
        <source>Pin</source>
        <translation>Anheften</translation>
    </message>
    <message>
        <source>Note…</source>
        <translation>Notiz…</translation>
    </message>
    <message>
        <source>&amp;Replay</source>
        <translation>&amp;Wiederholen</translation>
    </message>
    <message>
        <source>&amp;Edit and replay…</source>
        <translation>&amp;Bearbeiten und wiederholen…</translation>
    </message>
    <message>
        <source>More to do with this exchange</source>
        <translation>Mehr zu diesem Austausch</translation>
    </message>
    <message>
        <source>Stop &amp;keeping</source>
        <translation>&amp;Anhalten</translation>
    </message>
    <message>
        <source>nothing more is kept</source>
        <translation>es wird nichts mehr aufgezeichnet</translation>
    </message>
    <message>
        <source>searching…</source>
        <translation>wird gesucht…</translation>
    </message>
    <message>
        <source>{shown} of {count}</source>
        <translation>{shown} von {count}</translation>
    </message>
    <message>
        <source>Unpin</source>
        <translation>Lösen</translation>
    </message>
    <message>
        <source>The cURL line is on the clipboard, with its secrets.</source>
        <translation>Die cURL-Zeile ist mit ihren Geheimnissen in der Zwischenablage.</translation>
    </message>
    <message>
        <source>The cURL line is on the clipboard.</source>
        <translation>Die cURL-Zeile ist in der Zwischenablage.</translation>
    </message>
    <message>
        <source>Secrets in it are masked.</source>
        <translation>Geheimnisse darin sind verdeckt.</translation>
    </message>
    <message>
        <source>With secrets</source>
        <translation>Mit Geheimnissen</translation>
    </message>
    <message>
        <source>Export what is listed as an HTTP archive</source>
        <translation>Was aufgelistet ist, als HTTP-Archiv exportieren</translation>
    </message>
    <message>
        <source>With secrets: tokens, cookies, passwords in addresses</source>
        <translation>Mit Geheimnissen: Token, Cookies, Kennwörter in Adressen</translation>
    </message>
</context>
<context>
    <name>Invitations</name>
    <message>
        <source>Invitation</source>
        <translation>Einladung</translation>
    </message>
    <message>
        <source>Ends</source>
        <translation>Endet</translation>
    </message>
    <message>
        <source>Left</source>
        <translation>Verbleibend</translation>
    </message>
    <message>
        <source>when it is withdrawn</source>
        <translation>wenn sie zurückgezogen wird</translation>
    </message>
    <message>
        <source>over</source>
        <translation>abgelaufen</translation>
    </message>
</context>
<context>
    <name>InviteDialog</name>
    <message>
        <source>New invitation</source>
        <translation>Neue Einladung</translation>
    </message>
    <message>
        <source>for example: Ada</source>
        <translation>zum Beispiel: Ada</translation>
    </message>
    <message>
        <source>For &amp;whom</source>
        <translation>Für &amp;wen</translation>
    </message>
    <message>
        <source>How &amp;long</source>
        <translation>Wie &amp;lange</translation>
    </message>
    <message>
        <source>&amp;Make and copy</source>
        <translation>&amp;Erstellen und kopieren</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>An invitation to {service}. It can be withdrawn at any time.</source>
        <translation>Eine Einladung zu {service}. Sie kann jederzeit zurückgezogen werden.</translation>
    </message>
    <message>
        <source>The invitation to {service} is on the clipboard.</source>
        <translation>Die Einladung zu {service} ist in der Zwischenablage.</translation>
    </message>
</context>
<context>
    <name>KeystoreDialog</name>
    <message>
        <source>Where keys are kept</source>
        <translation>Wo Schlüssel aufbewahrt werden</translation>
    </message>
    <message>
        <source>Unlock keys</source>
        <translation>Schlüssel entsperren</translation>
    </message>
    <message>
        <source>In a file &amp;sealed with a passphrase</source>
        <translation>In einer mit einer Passphrase &amp;versiegelten Datei</translation>
    </message>
    <message>
        <source>Only until RelayDesk &amp;quits</source>
        <translation>Nur bis RelayDesk &amp;beendet wird</translation>
    </message>
    <message>
        <source>Passphrase</source>
        <translation>Passphrase</translation>
    </message>
    <message>
        <source>The same again</source>
        <translation>Noch einmal dieselbe</translation>
    </message>
    <message>
        <source>&amp;Keep keys so</source>
        <translation>&amp;So aufbewahren</translation>
    </message>
    <message>
        <source>&amp;Unlock</source>
        <translation>&amp;Entsperren</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message numerus="yes">
        <source>At least %Ln letters, twice the same</source>
        <translation>
            <numerusform>Mindestens %Ln Zeichen, zweimal dieselben</numerusform>
            <numerusform>Mindestens %Ln Zeichen, zweimal dieselben</numerusform>
        </translation>
    </message>
    <message>
        <source>That is not the passphrase.</source>
        <translation>Das ist nicht die Passphrase.</translation>
    </message>
</context>
<context>
    <name>Log</name>
    <message>
        <source>Error</source>
        <translation>Fehler</translation>
    </message>
    <message>
        <source>Warning</source>
        <translation>Warnung</translation>
    </message>
    <message>
        <source>Info</source>
        <translation>Info</translation>
    </message>
    <message>
        <source>Detail</source>
        <translation>Detail</translation>
    </message>
    <message>
        <source>Time</source>
        <translation>Zeit</translation>
    </message>
    <message>
        <source>Level</source>
        <translation>Stufe</translation>
    </message>
    <message>
        <source>From</source>
        <translation>Von</translation>
    </message>
    <message>
        <source>Message</source>
        <translation>Meldung</translation>
    </message>
</context>
<context>
    <name>LogPage</name>
    <message>
        <source>Filter</source>
        <translation>Filtern</translation>
    </message>
    <message>
        <source>Filter the log</source>
        <translation>Protokoll filtern</translation>
    </message>
    <message>
        <source>Least level</source>
        <translation>Niedrigste Stufe</translation>
    </message>
    <message>
        <source>Everything</source>
        <translation>Alles</translation>
    </message>
    <message>
        <source>{level} and up</source>
        <translation>Ab {level}</translation>
    </message>
    <message>
        <source>Service</source>
        <translation>Dienst</translation>
    </message>
    <message>
        <source>All services</source>
        <translation>Alle Dienste</translation>
    </message>
    <message>
        <source>&amp;Pause</source>
        <translation>&amp;Anhalten</translation>
    </message>
    <message>
        <source>C&amp;opy</source>
        <translation>&amp;Kopieren</translation>
    </message>
    <message>
        <source>&amp;Save…</source>
        <translation>&amp;Speichern…</translation>
    </message>
    <message>
        <source>Log</source>
        <translation>Protokoll</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>Nothing to tell</source>
        <translation>Nichts zu berichten</translation>
    </message>
    <message>
        <source>What RelayDesk does is written down here.</source>
        <translation>Was RelayDesk tut, wird hier festgehalten.</translation>
    </message>
    <message>
        <source>1 line is on the clipboard.</source>
        <translation>1 Zeile ist in der Zwischenablage.</translation>
    </message>
    <message numerus="yes">
        <source>%Ln lines are on the clipboard.</source>
        <translation>
            <numerusform>%Ln Zeile ist in der Zwischenablage.</numerusform>
            <numerusform>%Ln Zeilen sind in der Zwischenablage.</numerusform>
        </translation>
    </message>
    <message>
        <source>{shown} of the last {kept} lines; secrets are left out</source>
        <translation>{shown} der letzten {kept} Zeilen; Geheimnisse sind ausgelassen</translation>
    </message>
    <message numerus="yes">
        <source>paused, %Ln new</source>
        <translation>
            <numerusform>angehalten, %Ln neue</numerusform>
            <numerusform>angehalten, %Ln neue</numerusform>
        </translation>
    </message>
    <message>
        <source>&amp;Go on</source>
        <translation>&amp;Fortsetzen</translation>
    </message>
    <message>
        <source>Save the log</source>
        <translation>Protokoll speichern</translation>
    </message>
    <message>
        <source>The log was saved as {path}.</source>
        <translation>Das Protokoll wurde als {path} gespeichert.</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Close the window</source>
        <translation>Fenster schließen</translation>
    </message>
    <message>
        <source>Shall RelayDesk go on without its window?</source>
        <translation>Soll RelayDesk ohne Fenster weiterlaufen?</translation>
    </message>
    <message>
        <source>What is shared stays reachable. The icon in the tray opens the window again.</source>
        <translation>Was freigegeben ist, bleibt erreichbar. Das Symbol im Infobereich öffnet das Fenster wieder.</translation>
    </message>
    <message>
        <source>What is shared stays reachable. Start RelayDesk again to see the window: there is no tray here.</source>
        <translation>Was freigegeben ist, bleibt erreichbar. Starten Sie RelayDesk erneut, um das Fenster zu sehen: Hier gibt es keinen Infobereich.</translation>
    </message>
    <message>
        <source>&amp;Keep running</source>
        <translation>&amp;Weiterlaufen lassen</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>&amp;Beenden</translation>
    </message>
</context>
<context>
    <name>MessageBar</name>
    <message>
        <source>Message</source>
        <translation>Meldung</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>Anzeigen</translation>
    </message>
    <message>
        <source>Dismiss</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Erneut versuchen</translation>
    </message>
    <message>
        <source>Unlock…</source>
        <translation>Entsperren…</translation>
    </message>
    <message>
        <source>Choose…</source>
        <translation>Auswählen…</translation>
    </message>
    <message>
        <source>Sharing from this computer needs none; keys of other gateways and invitations do.</source>
        <translation>Freigaben von diesem Computer brauchen keinen; Schlüssel anderer Gateways und Einladungen schon.</translation>
    </message>
    <message numerus="yes">
        <source>and %Ln more</source>
        <translation>
            <numerusform>und %Ln weiteres</numerusform>
            <numerusform>und %Ln weitere</numerusform>
        </translation>
    </message>
    <message>
        <source>and 1 more</source>
        <translation>und 1 weiteres</translation>
    </message>
    <message>
        <source>Try now</source>
        <translation>Jetzt versuchen</translation>
    </message>
</context>
<context>
    <name>Messages</name>
    <message>
        <source>Text</source>
        <translation>Text</translation>
    </message>
    <message>
        <source>Binary</source>
        <translation>Binär</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Ende</translation>
    </message>
    <message>
        <source>Rest of a message</source>
        <translation>Rest einer Nachricht</translation>
    </message>
    <message>
        <source>From the sender</source>
        <translation>Vom Sender</translation>
    </message>
    <message>
        <source>From the server</source>
        <translation>Vom Server</translation>
    </message>
    <message>
        <source>Time</source>
        <translation>Zeit</translation>
    </message>
    <message>
        <source>From</source>
        <translation>Von</translation>
    </message>
    <message>
        <source>Kind</source>
        <translation>Art</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Größe</translation>
    </message>
    <message>
        <source>Beginning</source>
        <translation>Anfang</translation>
    </message>
</context>
<context>
    <name>MessagesPane</name>
    <message>
        <source>Messages</source>
        <translation>Nachrichten</translation>
    </message>
    <message>
        <source>Next messages</source>
        <translation>Nächste Nachrichten</translation>
    </message>
    <message>
        <source>The message</source>
        <translation>Die Nachricht</translation>
    </message>
    <message>
        <source>some are not kept any more</source>
        <translation>einige werden nicht mehr aufbewahrt</translation>
    </message>
</context>
<context>
    <name>Navigation</name>
    <message>
        <source>Pages</source>
        <translation>Seiten</translation>
    </message>
</context>
<context>
    <name>NoteDialog</name>
    <message>
        <source>Note</source>
        <translation>Notiz</translation>
    </message>
    <message>
        <source>&amp;Keep</source>
        <translation>&amp;Behalten</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
</context>
<context>
    <name>Notifications</name>
    <message>
        <source>{service} is back</source>
        <translation>{service} ist wieder da</translation>
    </message>
    <message>
        <source>Senders get through again.</source>
        <translation>Sender kommen wieder durch.</translation>
    </message>
    <message>
        <source>{service} cannot be reached</source>
        <translation>{service} ist nicht erreichbar</translation>
    </message>
    <message>
        <source>{why}. It is tried again by itself.</source>
        <translation>{why}. Es wird von selbst erneut versucht.</translation>
    </message>
    <message>
        <source>It is tried again by itself.</source>
        <translation>Es wird von selbst erneut versucht.</translation>
    </message>
    <message>
        <source>{service} ends in {left}</source>
        <translation>{service} endet in {left}</translation>
    </message>
    <message>
        <source>Share it again for longer from its menu.</source>
        <translation>Geben Sie den Dienst über sein Menü erneut und für länger frei.</translation>
    </message>
    <message>
        <source>Ask for a new invitation if you still need it.</source>
        <translation>Bitten Sie um eine neue Einladung, wenn Sie den Dienst noch brauchen.</translation>
    </message>
    <message>
        <source>Somebody uses {service}</source>
        <translation>Jemand nutzt {service}</translation>
    </message>
    <message>
        <source>The first connection since it was shared.</source>
        <translation>Die erste Verbindung seit der Freigabe.</translation>
    </message>
    <message numerus="yes">
        <source>And %Ln more.</source>
        <translation>
            <numerusform>Und %Ln weitere.</numerusform>
            <numerusform>Und %Ln weitere.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Onboarding</name>
    <message>
        <source>any: it is for the namespace</source>
        <translation>jeder: er gilt für den Namespace</translation>
    </message>
    <message>
        <source>a ready token</source>
        <translation>ein fertiges Token</translation>
    </message>
    <message>
        <source>{rights}, by its name</source>
        <translation>{rights}, dem Namen nach</translation>
    </message>
    <message>
        <source>Demo page</source>
        <translation>Demoseite</translation>
    </message>
</context>
<context>
    <name>OnboardingDialog</name>
    <message>
        <source>Welcome to RelayDesk</source>
        <translation>Willkommen bei RelayDesk</translation>
    </message>
    <message>
        <source>S&amp;kip</source>
        <translation>&amp;Überspringen</translation>
    </message>
    <message>
        <source>&amp;Back</source>
        <translation>&amp;Zurück</translation>
    </message>
    <message>
        <source>&amp;Next</source>
        <translation>&amp;Weiter</translation>
    </message>
    <message>
        <source>Step {n} of 3</source>
        <translation>Schritt {n} von 3</translation>
    </message>
    <message>
        <source>Done</source>
        <translation>Fertig</translation>
    </message>
    <message>
        <source>Go on anyway</source>
        <translation>Trotzdem weiter</translation>
    </message>
    <message>
        <source>Next</source>
        <translation>Weiter</translation>
    </message>
    <message>
        <source>How do you want to connect?</source>
        <translation>Wie möchten Sie verbinden?</translation>
    </message>
    <message>
        <source>Check</source>
        <translation>Prüfen</translation>
    </message>
    <message>
        <source>Use it here</source>
        <translation>Hier nutzen</translation>
    </message>
    <message>
        <source>Share something</source>
        <translation>Etwas freigeben</translation>
    </message>
</context>
<context>
    <name>Pages</name>
    <message>
        <source>Connections</source>
        <translation>Verbindungen</translation>
    </message>
    <message>
        <source>Doctor</source>
        <translation>Diagnose</translation>
    </message>
    <message>
        <source>Gateways</source>
        <translation>Gateways</translation>
    </message>
    <message>
        <source>Inspector</source>
        <translation>Inspektor</translation>
    </message>
    <message>
        <source>Log</source>
        <translation>Protokoll</translation>
    </message>
    <message>
        <source>Services</source>
        <translation>Dienste</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
</context>
<context>
    <name>PasteField</name>
    <message>
        <source>Paste &amp;another</source>
        <translation>&amp;Anderes einfügen</translation>
    </message>
    <message>
        <source>Hide</source>
        <translation>Verbergen</translation>
    </message>
    <message>
        <source>Reveal</source>
        <translation>Zeigen</translation>
    </message>
</context>
<context>
    <name>PortList</name>
    <message>
        <source>Filter by port, program or project</source>
        <translation>Nach Port, Programm oder Projekt filtern</translation>
    </message>
    <message>
        <source>Filter</source>
        <translation>Filter</translation>
    </message>
    <message>
        <source>Nothing else listens on this computer. Start your service, or give its port below.</source>
        <translation>Auf diesem Computer wartet sonst kein Programm auf Verbindungen. Starten Sie Ihren Dienst, oder geben Sie unten seinen Port an.</translation>
    </message>
    <message>
        <source>Show system and short-&amp;lived ports</source>
        <translation>System- und kurz&amp;lebige Ports zeigen</translation>
    </message>
    <message>
        <source>Show system and short-lived ports</source>
        <translation>System- und kurzlebige Ports zeigen</translation>
    </message>
    <message>
        <source>Expose it &amp;anyway</source>
        <translation>&amp;Trotzdem freigeben</translation>
    </message>
    <message>
        <source>Running on this computer</source>
        <translation>Läuft auf diesem Computer</translation>
    </message>
    <message>
        <source>{why} Share it only with people you trust.</source>
        <translation>{why} Geben Sie ihn nur für Menschen frei, denen Sie vertrauen.</translation>
    </message>
</context>
<context>
    <name>Ports</name>
    <message>
        <source>Whoever reaches this port can try to log in to this computer.</source>
        <translation>Wer diesen Port erreicht, kann versuchen, sich an diesem Computer anzumelden.</translation>
    </message>
    <message>
        <source>This port controls Windows from afar. It is not made for strangers.</source>
        <translation>Dieser Port steuert Windows aus der Ferne. Er ist nicht für Fremde gedacht.</translation>
    </message>
    <message>
        <source>This port gives access to shared folders and printers of this computer.</source>
        <translation>Dieser Port gibt Zugang zu freigegebenen Ordnern und Druckern dieses Computers.</translation>
    </message>
    <message>
        <source>Whoever reaches this port can try to log in to this computer's desktop.</source>
        <translation>Wer diesen Port erreicht, kann versuchen, sich am Desktop dieses Computers anzumelden.</translation>
    </message>
    <message>
        <source>This port runs commands on this computer for whoever knows a password of it.</source>
        <translation>Dieser Port führt auf diesem Computer Befehle für alle aus, die eines seiner Kennwörter kennen.</translation>
    </message>
    <message>
        <source>Whoever reaches this port rules this computer: Docker asks for no password here.</source>
        <translation>Wer diesen Port erreicht, beherrscht diesen Computer: Docker fragt hier nach keinem Kennwort.</translation>
    </message>
</context>
<context>
    <name>PortsModel</name>
    <message>
        <source>Expose {name}</source>
        <translation>{name} freigeben</translation>
    </message>
    <message>
        <source>Port</source>
        <translation>Port</translation>
    </message>
    <message>
        <source>Program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>Project</source>
        <translation>Projekt</translation>
    </message>
    <message>
        <source>Listens on</source>
        <translation>Lauscht auf</translation>
    </message>
    <message>
        <source>another user</source>
        <translation>anderer Benutzer</translation>
    </message>
    <message>
        <source>this computer</source>
        <translation>dieser Computer</translation>
    </message>
    <message>
        <source>every network</source>
        <translation>jedes Netzwerk</translation>
    </message>
    <message>
        <source>Expose</source>
        <translation>Freigeben</translation>
    </message>
</context>
<context>
    <name>ProblemPanel</name>
    <message>
        <source>Try &amp;now</source>
        <translation>&amp;Jetzt versuchen</translation>
    </message>
    <message>
        <source>E&amp;xamine</source>
        <translation>&amp;Untersuchen</translation>
    </message>
    <message>
        <source>It said: {cause}</source>
        <translation>Gemeldet wurde: {cause}</translation>
    </message>
</context>
<context>
    <name>Problems</name>
    <message>
        <source>The gateway cannot be reached</source>
        <translation>Das Gateway ist nicht erreichbar</translation>
    </message>
    <message>
        <source>No connection to the gateway came about.</source>
        <translation>Es kam keine Verbindung zum Gateway zustande.</translation>
    </message>
    <message>
        <source>Check the network and the gateway's address, and that the gateway is running.</source>
        <translation>Prüfen Sie das Netzwerk und die Adresse des Gateways, und ob das Gateway läuft.</translation>
    </message>
    <message>
        <source>The connection to the gateway was lost</source>
        <translation>Die Verbindung zum Gateway ging verloren</translation>
    </message>
    <message>
        <source>It was there and ended without being asked to.</source>
        <translation>Sie bestand und endete ohne Aufforderung.</translation>
    </message>
    <message>
        <source>Nothing needs to be done: it is opened again by itself.</source>
        <translation>Sie müssen nichts tun: Sie wird von selbst wieder aufgebaut.</translation>
    </message>
    <message>
        <source>The connection string cannot be used</source>
        <translation>Die Verbindungszeichenfolge ist nicht verwendbar</translation>
    </message>
    <message>
        <source>It is missing from the keystore, or it is not complete.</source>
        <translation>Sie fehlt im Schlüsselspeicher oder ist unvollständig.</translation>
    </message>
    <message>
        <source>Add the gateway again with its connection string.</source>
        <translation>Fügen Sie das Gateway mit seiner Verbindungszeichenfolge erneut hinzu.</translation>
    </message>
    <message>
        <source>The keystore is locked</source>
        <translation>Der Schlüsselspeicher ist gesperrt</translation>
    </message>
    <message>
        <source>Keys are kept there, and it does not give them out.</source>
        <translation>Dort werden Schlüssel aufbewahrt, und er gibt sie nicht heraus.</translation>
    </message>
    <message>
        <source>Unlock the keyring of your system, then try again.</source>
        <translation>Entsperren Sie den Schlüsselbund Ihres Systems, und versuchen Sie es erneut.</translation>
    </message>
    <message>
        <source>The key lacks a right</source>
        <translation>Dem Schlüssel fehlt ein Recht</translation>
    </message>
    <message>
        <source>The gateway knows the key but does not allow this to it.</source>
        <translation>Das Gateway kennt den Schlüssel, erlaubt ihm dies aber nicht.</translation>
    </message>
    <message>
        <source>Ask whoever runs the gateway for a key with that right.</source>
        <translation>Bitten Sie den Betreiber des Gateways um einen Schlüssel mit diesem Recht.</translation>
    </message>
    <message>
        <source>The settings cannot be used</source>
        <translation>Die Einstellungen sind nicht verwendbar</translation>
    </message>
    <message>
        <source>Something in the settings file does not make sense, so it was left as it is.</source>
        <translation>Etwas in der Einstellungsdatei ergibt keinen Sinn, daher blieb sie, wie sie ist.</translation>
    </message>
    <message>
        <source>Correct the file; it is read again as soon as it is saved.</source>
        <translation>Berichtigen Sie die Datei; sie wird neu gelesen, sobald sie gespeichert ist.</translation>
    </message>
    <message>
        <source>The local service does not answer</source>
        <translation>Der lokale Dienst antwortet nicht</translation>
    </message>
    <message>
        <source>The gateway is reached, but the program on this computer is not.</source>
        <translation>Das Gateway ist erreichbar, das Programm auf diesem Computer aber nicht.</translation>
    </message>
    <message>
        <source>Start the program, or check its port. The share stays and comes back by itself.</source>
        <translation>Starten Sie das Programm, oder prüfen Sie seinen Port. Die Freigabe bleibt bestehen und ist dann von selbst wieder da.</translation>
    </message>
    <message>
        <source>The local port is taken</source>
        <translation>Der lokale Port ist belegt</translation>
    </message>
    <message>
        <source>Another program on this computer uses it.</source>
        <translation>Ein anderes Programm auf diesem Computer verwendet ihn.</translation>
    </message>
    <message>
        <source>Choose another port, or end the other program.</source>
        <translation>Wählen Sie einen anderen Port, oder beenden Sie das andere Programm.</translation>
    </message>
    <message>
        <source>The gateway's certificate is not trusted</source>
        <translation>Dem Zertifikat des Gateways wird nicht vertraut</translation>
    </message>
    <message>
        <source>The connection was ended before anything was sent: somebody may be in between.</source>
        <translation>Die Verbindung wurde beendet, bevor etwas gesendet wurde: Jemand könnte dazwischen sein.</translation>
    </message>
    <message>
        <source>Check the address and this computer's clock, or ask whoever runs the gateway.</source>
        <translation>Prüfen Sie die Adresse und die Uhr dieses Computers, oder fragen Sie den Betreiber des Gateways.</translation>
    </message>
    <message>
        <source>The invitation cannot be used</source>
        <translation>Die Einladung ist nicht verwendbar</translation>
    </message>
    <message>
        <source>It is incomplete, over, or was withdrawn.</source>
        <translation>Sie ist unvollständig, abgelaufen oder wurde zurückgezogen.</translation>
    </message>
    <message>
        <source>Ask for a new one, and copy the whole of it.</source>
        <translation>Bitten Sie um eine neue, und kopieren Sie sie vollständig.</translation>
    </message>
    <message>
        <source>Settings could not be saved</source>
        <translation>Einstellungen konnten nicht gespeichert werden</translation>
    </message>
    <message>
        <source>Writing to the disk failed; what you see is in effect until RelayDesk ends.</source>
        <translation>Das Schreiben auf den Datenträger schlug fehl; was Sie sehen, gilt, bis RelayDesk endet.</translation>
    </message>
    <message>
        <source>Make room on the disk, or check who may write to the folder.</source>
        <translation>Schaffen Sie Platz auf dem Datenträger, oder prüfen Sie, wer in den Ordner schreiben darf.</translation>
    </message>
    <message>
        <source>The service did not answer through the gateway</source>
        <translation>Der Dienst hat über das Gateway nicht geantwortet</translation>
    </message>
    <message>
        <source>A request of our own went out and did not come back, so senders may fail too.</source>
        <translation>Eine eigene Anfrage ging hinaus und kam nicht zurück; Sendern kann es ebenso gehen.</translation>
    </message>
    <message>
        <source>It is tried again by itself. Check the gateway if this stays.</source>
        <translation>Es wird von selbst erneut versucht. Prüfen Sie das Gateway, wenn es dabei bleibt.</translation>
    </message>
    <message>
        <source>Something did not work</source>
        <translation>Etwas hat nicht funktioniert</translation>
    </message>
    <message>
        <source>This was not expected.</source>
        <translation>Das war nicht zu erwarten.</translation>
    </message>
    <message>
        <source>Try again; the log has the details.</source>
        <translation>Versuchen Sie es erneut; Einzelheiten stehen im Protokoll.</translation>
    </message>
    <message>
        <source>The gateway did not understand the request</source>
        <translation>Das Gateway hat die Anfrage nicht verstanden</translation>
    </message>
    <message>
        <source>The address or the name is not one that it takes.</source>
        <translation>Diese Adresse oder diesen Namen nimmt es nicht an.</translation>
    </message>
    <message>
        <source>Check the name of the service and the gateway's address.</source>
        <translation>Prüfen Sie den Namen des Dienstes und die Adresse des Gateways.</translation>
    </message>
    <message>
        <source>The gateway does not accept the key</source>
        <translation>Das Gateway akzeptiert den Schlüssel nicht</translation>
    </message>
    <message>
        <source>The key is wrong, was replaced, or lacks the right. A wrong clock looks the same.</source>
        <translation>Der Schlüssel ist falsch, wurde ersetzt oder hat das Recht nicht. Eine falsch gehende Uhr sieht genauso aus.</translation>
    </message>
    <message>
        <source>Check this computer's clock, then add the gateway again with its current key.</source>
        <translation>Prüfen Sie die Uhr dieses Computers, und fügen Sie dann das Gateway mit seinem aktuellen Schlüssel erneut hinzu.</translation>
    </message>
    <message>
        <source>The gateway does not allow this</source>
        <translation>Das Gateway erlaubt das nicht</translation>
    </message>
    <message>
        <source>The key lacks the right, or there are as many listeners as may be.</source>
        <translation>Dem Schlüssel fehlt das Recht, oder es gibt schon so viele Listener, wie es geben darf.</translation>
    </message>
    <message>
        <source>Check what the key allows, and whether the service is shared elsewhere too.</source>
        <translation>Prüfen Sie, was der Schlüssel erlaubt und ob der Dienst auch anderswo freigegeben ist.</translation>
    </message>
    <message>
        <source>The gateway does not know this service</source>
        <translation>Das Gateway kennt diesen Dienst nicht</translation>
    </message>
    <message>
        <source>Nothing of that name exists there, or nobody shares it at the moment.</source>
        <translation>Dort gibt es nichts dieses Namens, oder niemand gibt es gerade frei.</translation>
    </message>
    <message>
        <source>Check the name. A key with the right Manage can create it.</source>
        <translation>Prüfen Sie den Namen. Ein Schlüssel mit dem Recht Manage kann ihn anlegen.</translation>
    </message>
    <message>
        <source>The gateway cannot do this</source>
        <translation>Das Gateway kann das nicht</translation>
    </message>
    <message>
        <source>What answers at this address does not offer what was asked for.</source>
        <translation>Was an dieser Adresse antwortet, bietet das Verlangte nicht an.</translation>
    </message>
    <message>
        <source>Check that the address is a gateway's, and how old that gateway is.</source>
        <translation>Prüfen Sie, ob die Adresse zu einem Gateway gehört und wie alt dieses ist.</translation>
    </message>
    <message>
        <source>The proxy asks for a password</source>
        <translation>Der Proxy verlangt ein Kennwort</translation>
    </message>
    <message>
        <source>The network's proxy lets nobody through without one.</source>
        <translation>Der Proxy des Netzwerks lässt ohne Kennwort niemanden durch.</translation>
    </message>
    <message>
        <source>Set the proxy with name and password in your system's settings.</source>
        <translation>Tragen Sie den Proxy mit Name und Kennwort in den Einstellungen Ihres Systems ein.</translation>
    </message>
    <message>
        <source>The answer took too long</source>
        <translation>Die Antwort hat zu lange gedauert</translation>
    </message>
    <message>
        <source>The gateway gave up waiting for the other side.</source>
        <translation>Das Gateway hat das Warten auf die andere Seite aufgegeben.</translation>
    </message>
    <message>
        <source>Check that the other side is running and reachable, then try again.</source>
        <translation>Prüfen Sie, ob die andere Seite läuft und erreichbar ist, und versuchen Sie es erneut.</translation>
    </message>
    <message>
        <source>The gateway already has this</source>
        <translation>Das gibt es auf dem Gateway schon</translation>
    </message>
    <message>
        <source>Something of that name exists with other settings.</source>
        <translation>Unter diesem Namen gibt es etwas mit anderen Einstellungen.</translation>
    </message>
    <message>
        <source>Choose another name.</source>
        <translation>Wählen Sie einen anderen Namen.</translation>
    </message>
    <message>
        <source>This is gone</source>
        <translation>Das gibt es nicht mehr</translation>
    </message>
    <message>
        <source>The service was removed from the gateway.</source>
        <translation>Der Dienst wurde vom Gateway entfernt.</translation>
    </message>
    <message>
        <source>Share it again, or ask whoever runs the gateway.</source>
        <translation>Geben Sie ihn erneut frei, oder fragen Sie den Betreiber des Gateways.</translation>
    </message>
    <message>
        <source>The gateway asks for patience</source>
        <translation>Das Gateway bittet um Geduld</translation>
    </message>
    <message>
        <source>There were more requests than it takes in this time.</source>
        <translation>Es kamen mehr Anfragen, als es in dieser Zeit annimmt.</translation>
    </message>
    <message>
        <source>Nothing needs to be done: it is tried again later.</source>
        <translation>Sie müssen nichts tun: Es wird später erneut versucht.</translation>
    </message>
    <message>
        <source>The other side left</source>
        <translation>Die andere Seite ist gegangen</translation>
    </message>
    <message>
        <source>It ended before it had answered.</source>
        <translation>Sie endete, bevor sie geantwortet hatte.</translation>
    </message>
    <message>
        <source>Look at the side that shares the service.</source>
        <translation>Sehen Sie auf der Seite nach, die den Dienst freigibt.</translation>
    </message>
    <message>
        <source>The gateway is busy</source>
        <translation>Das Gateway ist beschäftigt</translation>
    </message>
    <message>
        <source>It is starting, stopping, or has too much to do.</source>
        <translation>Es startet, wird beendet oder hat zu viel zu tun.</translation>
    </message>
    <message>
        <source>Nothing needs to be done: it is tried again by itself.</source>
        <translation>Sie müssen nichts tun: Es wird von selbst erneut versucht.</translation>
    </message>
    <message>
        <source>The gateway failed ({status})</source>
        <translation>Das Gateway ist gescheitert ({status})</translation>
    </message>
    <message>
        <source>The fault is on its side.</source>
        <translation>Der Fehler liegt auf seiner Seite.</translation>
    </message>
    <message>
        <source>It is tried again by itself. If this stays, tell whoever runs the gateway.</source>
        <translation>Es wird von selbst erneut versucht. Wenn es dabei bleibt, sagen Sie es dem Betreiber des Gateways.</translation>
    </message>
    <message>
        <source>The gateway refused ({status})</source>
        <translation>Das Gateway hat abgelehnt ({status})</translation>
    </message>
    <message>
        <source>It answered with a no.</source>
        <translation>Es hat mit Nein geantwortet.</translation>
    </message>
    <message>
        <source>Check the address and what the key allows.</source>
        <translation>Prüfen Sie die Adresse und was der Schlüssel erlaubt.</translation>
    </message>
    <message>
        <source>The gateway refused</source>
        <translation>Das Gateway hat abgelehnt</translation>
    </message>
    <message>
        <source>It answered with a no and gave no number for it.</source>
        <translation>Es hat mit Nein geantwortet und keine Nummer dafür genannt.</translation>
    </message>
    <message>
        <source>Trying now</source>
        <translation>Wird gerade versucht</translation>
    </message>
    <message>
        <source>Next try {countdown}</source>
        <translation>Nächster Versuch {countdown}</translation>
    </message>
    <message>
        <source>since {moment}, {duration}</source>
        <translation>seit {moment}, {duration}</translation>
    </message>
</context>
<context>
    <name>QrDialog</name>
    <message>
        <source>{service} as a QR code</source>
        <translation>{service} als QR-Code</translation>
    </message>
    <message>
        <source>The link of {service} as a QR code</source>
        <translation>Der Link von {service} als QR-Code</translation>
    </message>
    <message>
        <source>The gateway is on this computer and serves this computer only: the link works nowhere else.</source>
        <translation>Das Gateway läuft auf diesem Computer und nur für ihn: Der Link funktioniert nirgends sonst.</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
</context>
<context>
    <name>Replay</name>
    <message>
        <source>Line {number} of the headers is no “Name: value”.</source>
        <translation>Zeile {number} der Kopfzeilen ist kein „Name: Wert“.</translation>
    </message>
    <message>
        <source>The body has letters that its charset does not have.</source>
        <translation>Der Rumpf hat Zeichen, die sein Zeichensatz nicht hat.</translation>
    </message>
</context>
<context>
    <name>ReplayDialog</name>
    <message>
        <source>Edit and replay {id}</source>
        <translation>{id} bearbeiten und wiederholen</translation>
    </message>
    <message>
        <source>Method</source>
        <translation>Methode</translation>
    </message>
    <message>
        <source>Path</source>
        <translation>Pfad</translation>
    </message>
    <message>
        <source>Headers</source>
        <translation>Kopfzeilen</translation>
    </message>
    <message>
        <source>Send the body as it was captured</source>
        <translation>Rumpf senden, wie er aufgezeichnet wurde</translation>
    </message>
    <message>
        <source>Body</source>
        <translation>Rumpf</translation>
    </message>
    <message>
        <source>Nothing was sent yet.</source>
        <translation>Noch wurde nichts gesendet.</translation>
    </message>
    <message>
        <source>&amp;Method</source>
        <translation>&amp;Methode</translation>
    </message>
    <message>
        <source>&amp;Path</source>
        <translation>&amp;Pfad</translation>
    </message>
    <message>
        <source>How often</source>
        <translation>Wie oft</translation>
    </message>
    <message>
        <source>every</source>
        <translation>alle</translation>
    </message>
    <message>
        <source>Seconds from one beginning to the next</source>
        <translation>Sekunden von einem Beginn zum nächsten</translation>
    </message>
    <message>
        <source>&amp;Send</source>
        <translation>&amp;Senden</translation>
    </message>
    <message>
        <source>S&amp;top</source>
        <translation>&amp;Anhalten</translation>
    </message>
    <message>
        <source>&amp;Compare with the original</source>
        <translation>Mit dem Original &amp;vergleichen</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>It cannot be edited as a text; what is typed here is sent in its place.</source>
        <translation>Er lässt sich nicht als Text bearbeiten; was hier eingegeben wird, wird statt seiner gesendet.</translation>
    </message>
    <message>
        <source>{least} to {most}</source>
        <translation>{least} bis {most}</translation>
    </message>
</context>
<context>
    <name>ServiceActions</name>
    <message>
        <source>Copy link</source>
        <translation>Link kopieren</translation>
    </message>
    <message>
        <source>Open in browser</source>
        <translation>Im Browser öffnen</translation>
    </message>
    <message>
        <source>New invitation…</source>
        <translation>Neue Einladung…</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>Pausieren</translation>
    </message>
    <message>
        <source>Try now</source>
        <translation>Jetzt versuchen</translation>
    </message>
    <message>
        <source>Show its requests</source>
        <translation>Seine Anfragen zeigen</translation>
    </message>
    <message>
        <source>Examine</source>
        <translation>Untersuchen</translation>
    </message>
    <message>
        <source>Stop sharing</source>
        <translation>Freigabe beenden</translation>
    </message>
    <message>
        <source>Copy address</source>
        <translation>Adresse kopieren</translation>
    </message>
    <message>
        <source>Disconnect</source>
        <translation>Trennen</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Fortsetzen</translation>
    </message>
    <message>
        <source>Share again</source>
        <translation>Erneut freigeben</translation>
    </message>
    <message>
        <source>The address of {service} is on the clipboard.</source>
        <translation>Die Adresse von {service} ist in der Zwischenablage.</translation>
    </message>
    <message>
        <source>{link} — it works on this computer only.</source>
        <translation>{link} — er funktioniert nur auf diesem Computer.</translation>
    </message>
    <message>
        <source>The link of {service} is on the clipboard.</source>
        <translation>Der Link von {service} ist in der Zwischenablage.</translation>
    </message>
    <message>
        <source>{service} is no longer shared.</source>
        <translation>{service} ist nicht mehr freigegeben.</translation>
    </message>
    <message>
        <source>{service} is disconnected.</source>
        <translation>{service} ist getrennt.</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Rückgängig</translation>
    </message>
</context>
<context>
    <name>ServiceDetails</name>
    <message>
        <source>Details</source>
        <translation>Einzelheiten</translation>
    </message>
    <message>
        <source>not known yet</source>
        <translation>noch nicht bekannt</translation>
    </message>
    <message>
        <source>{moment} · {left}</source>
        <translation>{moment} · {left}</translation>
    </message>
    <message>
        <source>Link</source>
        <translation>Link</translation>
    </message>
    <message>
        <source>Who</source>
        <translation>Wer</translation>
    </message>
    <message>
        <source>Ends</source>
        <translation>Endet</translation>
    </message>
    <message>
        <source>Here</source>
        <translation>Hier</translation>
    </message>
    <message>
        <source>Through</source>
        <translation>Über</translation>
    </message>
    <message>
        <source>Proof</source>
        <translation>Nachweis</translation>
    </message>
    <message>
        <source>Invitations</source>
        <translation>Einladungen</translation>
    </message>
    <message>
        <source>&amp;Withdraw</source>
        <translation>&amp;Zurückziehen</translation>
    </message>
    <message>
        <source>No invitation is out. Whoever has a key of the gateway that may send, gets in.</source>
        <translation>Es gibt keine Einladung. Zugriff hat, wer einen Schlüssel des Gateways hat, der senden darf.</translation>
    </message>
    <message>
        <source>Programs on this computer</source>
        <translation>Programme auf diesem Computer</translation>
    </message>
    <message>
        <source>Everybody who knows the address</source>
        <translation>Alle, die die Adresse kennen</translation>
    </message>
    <message>
        <source>Whoever was invited</source>
        <translation>Alle, die eingeladen wurden</translation>
    </message>
    <message>
        <source>Whoever has a key that may send</source>
        <translation>Alle mit einem Schlüssel, der senden darf</translation>
    </message>
    <message>
        <source>The invitation {name} is worthless now.</source>
        <translation>Die Einladung {name} ist jetzt wertlos.</translation>
    </message>
</context>
<context>
    <name>Services</name>
    <message>
        <source>last minute: quiet</source>
        <translation>letzte Minute: ruhig</translation>
    </message>
    <message>
        <source>last minute: average {average}, peak {peak}</source>
        <translation>letzte Minute: Durchschnitt {average}, Spitze {peak}</translation>
    </message>
    <message>
        <source>This computer</source>
        <translation>Dieser Computer</translation>
    </message>
    <message>
        <source>Everybody</source>
        <translation>Alle</translation>
    </message>
    <message numerus="yes">
        <source>%Ln invited</source>
        <translation>
            <numerusform>%Ln eingeladen</numerusform>
            <numerusform>%Ln eingeladen</numerusform>
        </translation>
    </message>
    <message>
        <source>With a key</source>
        <translation>Mit Schlüssel</translation>
    </message>
    <message>
        <source>until it is stopped</source>
        <translation>bis zum Beenden</translation>
    </message>
    <message>
        <source>over</source>
        <translation>abgelaufen</translation>
    </message>
    <message>
        <source>{duration} left</source>
        <translation>noch {duration}</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Status</translation>
    </message>
    <message>
        <source>Service</source>
        <translation>Dienst</translation>
    </message>
    <message>
        <source>{name}, public</source>
        <translation>{name}, öffentlich</translation>
    </message>
    <message>
        <source>Local</source>
        <translation>Lokal</translation>
    </message>
    <message>
        <source>Program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>Gateway / path</source>
        <translation>Gateway / Pfad</translation>
    </message>
    <message>
        <source>Who</source>
        <translation>Wer</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Offen</translation>
    </message>
    <message numerus="yes">
        <source>%Ln in all</source>
        <translation>
            <numerusform>insgesamt %Ln</numerusform>
            <numerusform>insgesamt %Ln</numerusform>
        </translation>
    </message>
    <message>
        <source>Rate</source>
        <translation>Rate</translation>
    </message>
    <message>
        <source>Round trip</source>
        <translation>Umlaufzeit</translation>
    </message>
    <message>
        <source>Last minute</source>
        <translation>Letzte Minute</translation>
    </message>
</context>
<context>
    <name>ServicesPage</name>
    <message>
        <source>Filter</source>
        <translation>Filtern</translation>
    </message>
    <message>
        <source>Filter services</source>
        <translation>Dienste filtern</translation>
    </message>
    <message>
        <source>Connect to…</source>
        <translation>Verbinden mit…</translation>
    </message>
    <message>
        <source>Expose a service…</source>
        <translation>Dienst freigeben…</translation>
    </message>
    <message>
        <source>Services</source>
        <translation>Dienste</translation>
    </message>
    <message>
        <source>First steps…</source>
        <translation>Erste Schritte…</translation>
    </message>
    <message>
        <source>Nothing is shared yet</source>
        <translation>Noch ist nichts freigegeben</translation>
    </message>
    <message>
        <source>Share a port of this computer with somebody, or bring a service that was shared with you to this computer. Nothing is reachable from outside until you say so.</source>
        <translation>Geben Sie einen Port dieses Computers für jemanden frei, oder holen Sie einen Dienst, der für Sie freigegeben wurde, auf diesen Computer. Von außen ist nichts erreichbar, bevor Sie es sagen.</translation>
    </message>
    <message>
        <source>Pause all</source>
        <translation>Alle pausieren</translation>
    </message>
    <message>
        <source>Resume all</source>
        <translation>Alle fortsetzen</translation>
    </message>
</context>
<context>
    <name>SettingsPage</name>
    <message>
        <source>In effect at once</source>
        <translation>Gelten sofort</translation>
    </message>
    <message>
        <source>General</source>
        <translation>Allgemein</translation>
    </message>
    <message>
        <source>&amp;Colours</source>
        <translation>&amp;Farben</translation>
    </message>
    <message>
        <source>As the system</source>
        <translation>Wie das System</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>Hell</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>Dunkel</translation>
    </message>
    <message>
        <source>High contrast</source>
        <translation>Hoher Kontrast</translation>
    </message>
    <message>
        <source>L&amp;anguage</source>
        <translation>&amp;Sprache</translation>
    </message>
    <message>
        <source>Another language is spoken when RelayDesk is started again.</source>
        <translation>Eine andere Sprache gilt, sobald RelayDesk neu gestartet wird.</translation>
    </message>
    <message>
        <source>Closing the &amp;window</source>
        <translation>Schließen des Fens&amp;ters</translation>
    </message>
    <message>
        <source>Asks what to do</source>
        <translation>Fragt nach</translation>
    </message>
    <message>
        <source>Keeps RelayDesk running</source>
        <translation>Lässt RelayDesk weiterlaufen</translation>
    </message>
    <message>
        <source>Quits RelayDesk</source>
        <translation>Beendet RelayDesk</translation>
    </message>
    <message>
        <source>Start RelayDesk at &amp;login</source>
        <translation>RelayDesk bei der &amp;Anmeldung starten</translation>
    </message>
    <message>
        <source>Start without the window</source>
        <translation>Ohne Fenster starten</translation>
    </message>
    <message>
        <source>Show the first &amp;steps again…</source>
        <translation>Er&amp;ste Schritte erneut zeigen…</translation>
    </message>
    <message>
        <source>When something is shared</source>
        <translation>Wenn etwas freigegeben wird</translation>
    </message>
    <message>
        <source>Wh&amp;o may use it</source>
        <translation>&amp;Wer zugreifen darf</translation>
    </message>
    <message>
        <source>Whoever I invite</source>
        <translation>Alle, die ich einlade</translation>
    </message>
    <message>
        <source>Whoever has a key</source>
        <translation>Alle mit einem Schlüssel</translation>
    </message>
    <message>
        <source>Everybody who knows the address</source>
        <translation>Alle, die die Adresse kennen</translation>
    </message>
    <message>
        <source>until it is stopped</source>
        <translation>bis zum Beenden</translation>
    </message>
    <message>
        <source>&amp;How long</source>
        <translation>Wie &amp;lange</translation>
    </message>
    <message>
        <source>Throu&amp;gh</source>
        <translation>Ü&amp;ber</translation>
    </message>
    <message>
        <source>&amp;Prove that services are reachable</source>
        <translation>&amp;Nachweisen, dass Dienste erreichbar sind</translation>
    </message>
    <message>
        <source>A small request of our own goes through the gateway and back, every few minutes and after a change.</source>
        <translation>Eine kleine eigene Anfrage geht durch das Gateway und zurück, alle paar Minuten und nach jeder Änderung.</translation>
    </message>
    <message>
        <source>Inspector</source>
        <translation>Inspektor</translation>
    </message>
    <message>
        <source>Keep re&amp;quests and answers</source>
        <translation>Anfragen und Antworten auf&amp;zeichnen</translation>
    </message>
    <message>
        <source>On this computer, while RelayDesk runs. Replays are kept in any case.</source>
        <translation>Auf diesem Computer, solange RelayDesk läuft. Wiederholungen werden in jedem Fall aufgezeichnet.</translation>
    </message>
    <message>
        <source>Notifications</source>
        <translation>Benachrichtigungen</translation>
    </message>
    <message>
        <source>A share is &amp;lost for more than half a minute</source>
        <translation>Eine Freigabe ist länger als eine halbe Minute &amp;gestört</translation>
    </message>
    <message>
        <source>It is &amp;back after that</source>
        <translation>Danach ist sie w&amp;ieder erreichbar</translation>
    </message>
    <message>
        <source>Something &amp;ends within a day</source>
        <translation>Etwas &amp;endet innerhalb eines Tages</translation>
    </message>
    <message>
        <source>The &amp;first request to a share</source>
        <translation>Die erste Anf&amp;rage an eine Freigabe</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>Schlüssel</translation>
    </message>
    <message>
        <source>&amp;Unlock…</source>
        <translation>Ents&amp;perren…</translation>
    </message>
    <message>
        <source>New versions</source>
        <translation>Neue Versionen</translation>
    </message>
    <message>
        <source>Look for new &amp;versions once a week</source>
        <translation>Einmal in der Woche nach neuen &amp;Versionen sehen</translation>
    </message>
    <message>
        <source>Nothing of you is sent. Nothing is fetched or installed unless you say so.</source>
        <translation>Von Ihnen wird nichts gesendet. Nichts wird geladen oder installiert, wenn Sie es nicht sagen.</translation>
    </message>
    <message>
        <source>Files</source>
        <translation>Dateien</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Öffnen</translation>
    </message>
    <message>
        <source>Open {path}</source>
        <translation>{path} öffnen</translation>
    </message>
    <message>
        <source>The one used last, or this computer's</source>
        <translation>Das zuletzt verwendete oder das dieses Computers</translation>
    </message>
</context>
<context>
    <name>ShareCard</name>
    <message>
        <source>Share the &amp;demo page</source>
        <translation>&amp;Demoseite freigeben</translation>
    </message>
    <message>
        <source>3000, host:3000 or http://host</source>
        <translation>3000, host:3000 oder http://host</translation>
    </message>
    <message>
        <source>Other host or port</source>
        <translation>Anderer Host oder Port</translation>
    </message>
    <message>
        <source>Share &amp;it</source>
        <translation>F&amp;reigeben</translation>
    </message>
    <message>
        <source>Local port</source>
        <translation>Lokaler Port</translation>
    </message>
    <message>
        <source>&amp;Connect</source>
        <translation>&amp;Verbinden</translation>
    </message>
    <message>
        <source>Start RelayDesk at &amp;login</source>
        <translation>RelayDesk bei der An&amp;meldung starten</translation>
    </message>
    <message>
        <source>Start RelayDesk at login</source>
        <translation>RelayDesk bei der Anmeldung starten</translation>
    </message>
    <message>
        <source>Nothing to share yet? RelayDesk has a page of its own.</source>
        <translation>Noch nichts freizugeben? RelayDesk hat eine eigene Seite.</translation>
    </message>
    <message>
        <source>Other &amp;host or port</source>
        <translation>Anderer &amp;Host oder Port</translation>
    </message>
    <message>
        <source>On this computer, at &amp;port</source>
        <translation>Auf diesem Computer, an &amp;Port</translation>
    </message>
    <message>
        <source>The link as a QR code</source>
        <translation>Der Link als QR-Code</translation>
    </message>
    <message>
        <source>Link</source>
        <translation>Link</translation>
    </message>
    <message>
        <source>&amp;Copy link</source>
        <translation>Link &amp;kopieren</translation>
    </message>
    <message>
        <source>&amp;Open</source>
        <translation>&amp;Öffnen</translation>
    </message>
    <message>
        <source>The gateway is on this computer and serves this computer only: the link works nowhere else.</source>
        <translation>Das Gateway läuft auf diesem Computer und nur für ihn: Der Link funktioniert nirgends sonst.</translation>
    </message>
    <message>
        <source>&amp;Show it</source>
        <translation>&amp;Zeigen</translation>
    </message>
    <message>
        <source>{service} at {gateway} becomes a port of this computer.</source>
        <translation>{service} bei {gateway} wird zu einem Port dieses Computers.</translation>
    </message>
    <message>
        <source>{service} is shared – the link is on the clipboard</source>
        <translation>{service} ist freigegeben – der Link ist in der Zwischenablage</translation>
    </message>
    <message>
        <source>{service} is on this computer – its address is on the clipboard</source>
        <translation>{service} ist auf diesem Computer – die Adresse ist in der Zwischenablage</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>Adresse</translation>
    </message>
    <message>
        <source>&amp;Copy address</source>
        <translation>Adresse &amp;kopieren</translation>
    </message>
    <message>
        <source>Copy address</source>
        <translation>Adresse kopieren</translation>
    </message>
    <message>
        <source>Waiting for the first request: open the link.</source>
        <translation>Wartet auf die erste Anfrage: Öffnen Sie den Link.</translation>
    </message>
    <message>
        <source>Waiting for the first connection: open the address with your program.</source>
        <translation>Wartet auf die erste Verbindung: Öffnen Sie die Adresse mit Ihrem Programm.</translation>
    </message>
    <message>
        <source>A connection, {size} so far</source>
        <translation>Eine Verbindung, bisher {size}</translation>
    </message>
    <message>
        <source>Somebody has come: {what}</source>
        <translation>Jemand ist gekommen: {what}</translation>
    </message>
</context>
<context>
    <name>SidePane</name>
    <message>
        <source>Request</source>
        <translation>Anfrage</translation>
    </message>
    <message>
        <source>Answer</source>
        <translation>Antwort</translation>
    </message>
    <message>
        <source>Headers of the request</source>
        <translation>Kopfzeilen der Anfrage</translation>
    </message>
    <message>
        <source>Headers of the answer</source>
        <translation>Kopfzeilen der Antwort</translation>
    </message>
    <message>
        <source>Body</source>
        <translation>Rumpf</translation>
    </message>
    <message>
        <source>Headers</source>
        <translation>Kopfzeilen</translation>
    </message>
    <message>
        <source>Headers ({n})</source>
        <translation>Kopfzeilen ({n})</translation>
    </message>
</context>
<context>
    <name>Sides</name>
    <message>
        <source>Request or answer</source>
        <translation>Anfrage oder Antwort</translation>
    </message>
</context>
<context>
    <name>States</name>
    <message>
        <source>Ended</source>
        <translation>Beendet</translation>
    </message>
    <message>
        <source>Running, started elsewhere</source>
        <translation>Läuft, anderswo gestartet</translation>
    </message>
    <message>
        <source>Online, not proven</source>
        <translation>Online, kein Nachweis</translation>
    </message>
    <message>
        <source>Connecting</source>
        <translation>Verbindet</translation>
    </message>
    <message>
        <source>Port closed</source>
        <translation>Port geschlossen</translation>
    </message>
    <message>
        <source>Waiting</source>
        <translation>Wartet</translation>
    </message>
    <message>
        <source>Not working</source>
        <translation>Gestört</translation>
    </message>
    <message>
        <source>Paused</source>
        <translation>Pausiert</translation>
    </message>
    <message>
        <source>Expired</source>
        <translation>Abgelaufen</translation>
    </message>
    <message>
        <source>Ready</source>
        <translation>Bereit</translation>
    </message>
    <message>
        <source>Online</source>
        <translation>Online</translation>
    </message>
    <message>
        <source>Checking</source>
        <translation>Wird geprüft</translation>
    </message>
    <message>
        <source>No answer</source>
        <translation>Keine Antwort</translation>
    </message>
    <message>
        <source>Proven end to end: a request of our own came back through the gateway</source>
        <translation>Durchgängig nachgewiesen: Eine eigene Anfrage kam durch das Gateway zurück</translation>
    </message>
    <message>
        <source>Being checked end to end</source>
        <translation>Wird durchgängig geprüft</translation>
    </message>
    <message>
        <source>Not proven end to end: the key may not send, so nobody can tell from here</source>
        <translation>Nicht durchgängig nachgewiesen: Der Schlüssel darf nicht senden, von hier aus lässt es sich also nicht sagen</translation>
    </message>
    <message>
        <source>A request of our own did not come back</source>
        <translation>Eine eigene Anfrage kam nicht zurück</translation>
    </message>
    <message>
        <source>Failed</source>
        <translation>Fehlgeschlagen</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Offen</translation>
    </message>
    <message>
        <source>Not running</source>
        <translation>Läuft nicht</translation>
    </message>
    <message>
        <source>Starting</source>
        <translation>Startet</translation>
    </message>
    <message>
        <source>Needs attention</source>
        <translation>Braucht Beachtung</translation>
    </message>
    <message>
        <source>Running</source>
        <translation>Läuft</translation>
    </message>
    <message>
        <source>Not in use</source>
        <translation>Nicht in Gebrauch</translation>
    </message>
    <message>
        <source>In use</source>
        <translation>In Gebrauch</translation>
    </message>
    <message>
        <source>Nothing shared</source>
        <translation>Nichts freigegeben</translation>
    </message>
    <message>
        <source>Offline</source>
        <translation>Offline</translation>
    </message>
</context>
<context>
    <name>Tray</name>
    <message>
        <source>Expose a service…</source>
        <translation>Dienst freigeben…</translation>
    </message>
    <message>
        <source>Share again</source>
        <translation>Erneut freigeben</translation>
    </message>
    <message>
        <source>More…</source>
        <translation>Weitere…</translation>
    </message>
    <message>
        <source>Connect to a shared service…</source>
        <translation>Mit einem freigegebenen Dienst verbinden…</translation>
    </message>
    <message>
        <source>Pause all</source>
        <translation>Alle pausieren</translation>
    </message>
    <message>
        <source>Open RelayDesk</source>
        <translation>RelayDesk öffnen</translation>
    </message>
    <message>
        <source>Settings…</source>
        <translation>Einstellungen…</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>Beenden</translation>
    </message>
    <message>
        <source>Resume all</source>
        <translation>Alle fortsetzen</translation>
    </message>
</context>
<context>
    <name>UpdatePanel</name>
    <message>
        <source>&amp;Look now</source>
        <translation>&amp;Jetzt nachsehen</translation>
    </message>
    <message>
        <source>&amp;Download</source>
        <translation>&amp;Herunterladen</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Show in &amp;folder</source>
        <translation>Im &amp;Ordner zeigen</translation>
    </message>
    <message>
        <source>What is &amp;new</source>
        <translation>Was ist &amp;neu</translation>
    </message>
</context>
<context>
    <name>Updates</name>
    <message>
        <source>It came as a package: your system's updates bring new versions.</source>
        <translation>Es kam als Paket: Die Aktualisierungen Ihres Systems bringen neue Versionen.</translation>
    </message>
    <message>
        <source>It was installed for all users: your administrator brings new versions.</source>
        <translation>Es wurde für alle Benutzer installiert: Ihr Administrator bringt neue Versionen.</translation>
    </message>
    <message>
        <source>It runs from a checkout: git brings new versions.</source>
        <translation>Es läuft aus einem Checkout: git bringt neue Versionen.</translation>
    </message>
    <message>
        <source>It was installed with pip, which brings new versions.</source>
        <translation>Es wurde mit pip installiert, das neue Versionen bringt.</translation>
    </message>
    <message>
        <source>This is RelayDesk {version}.</source>
        <translation>Dies ist RelayDesk {version}.</translation>
    </message>
    <message>
        <source>This copy does not know where new versions are announced.</source>
        <translation>Diese Kopie weiß nicht, wo neue Versionen angekündigt werden.</translation>
    </message>
    <message>
        <source>Looking…</source>
        <translation>Wird nachgesehen …</translation>
    </message>
    <message>
        <source>{done} of {all} are here</source>
        <translation>{done} von {all} sind da</translation>
    </message>
    <message>
        <source>It did not work: {problem}</source>
        <translation>Es ging nicht: {problem}</translation>
    </message>
    <message>
        <source>RelayDesk {version} is in {folder}. It is as it was signed; start it from there.</source>
        <translation>RelayDesk {version} liegt in {folder}. Es ist so, wie es unterschrieben wurde; starten Sie es von dort.</translation>
    </message>
    <message>
        <source>RelayDesk {version} is there.</source>
        <translation>RelayDesk {version} ist da.</translation>
    </message>
    <message>
        <source>There is no file of it for a copy like this one.</source>
        <translation>Für eine Kopie wie diese gibt es keine Datei davon.</translation>
    </message>
    <message>
        <source>This is the newest version.</source>
        <translation>Dies ist die neueste Version.</translation>
    </message>
    <message>
        <source>Nobody has looked yet.</source>
        <translation>Es hat noch niemand nachgesehen.</translation>
    </message>
</context>
<context>
    <name>_Application</name>
    <message>
        <source>Services</source>
        <translation>Dienste</translation>
    </message>
    <message>
        <source>Desktop</source>
        <translation>Desktop</translation>
    </message>
    <message>
        <source>{service} is shared – the link is on the clipboard</source>
        <translation>{service} ist freigegeben – der Link ist in der Zwischenablage</translation>
    </message>
    <message>
        <source>{link} – on this computer only: Gateways can open it to your network</source>
        <translation>{link} – nur auf diesem Computer: Unter Gateways lässt es sich für Ihr Netzwerk öffnen</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Rückgängig</translation>
    </message>
    <message>
        <source>QR code</source>
        <translation>QR-Code</translation>
    </message>
    <message>
        <source>RelayDesk {version} is there</source>
        <translation>RelayDesk {version} ist da</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>{service} is at {address} – the address is on the clipboard</source>
        <translation>{service} ist unter {address} erreichbar – die Adresse ist in der Zwischenablage</translation>
    </message>
    <message>
        <source>RelayDesk was updated</source>
        <translation>RelayDesk wurde aktualisiert</translation>
    </message>
    <message>
        <source>Start it again to use the new version. What is shared comes back by itself.</source>
        <translation>Starten Sie es neu, um die neue Version zu benutzen. Was freigegeben ist, kommt von selbst zurück.</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>Beenden</translation>
    </message>
</context>
<context>
    <name>_ServiceMenu</name>
    <message>
        <source>Copy link</source>
        <translation>Link kopieren</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Öffnen</translation>
    </message>
    <message>
        <source>Show connections</source>
        <translation>Verbindungen anzeigen</translation>
    </message>
    <message>
        <source>Why?</source>
        <translation>Warum?</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>Pausieren</translation>
    </message>
    <message>
        <source>Stop sharing</source>
        <translation>Freigabe beenden</translation>
    </message>
    <message>
        <source>Copy address</source>
        <translation>Adresse kopieren</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Fortsetzen</translation>
    </message>
    <message>
        <source>Disconnect</source>
        <translation>Trennen</translation>
    </message>
</context>
</TS>

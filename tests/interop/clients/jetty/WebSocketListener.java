import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.json.JSONObject;

/** A listener for WebSockets that makes the moves of Microsoft's Java SDK: every message comes back, {@code close CODE REASON} closes. */
final class WebSocketListener {
    private static final ExecutorService WORKERS = Executors.newCachedThreadPool();

    public static void main(String[] arguments) throws Exception {
        RelaySocket control = RelaySocket.open(Relay.listenAddress(), Relay.listenerToken(), List.of());
        Lines.event("listening");
        WORKERS.execute(() -> serve(control));
        Lines.exitWithInput();
    }

    private static void serve(RelaySocket control) {
        try {
            for (byte[] text = control.readMessage(); text != null; text = control.readMessage()) {
                JSONObject accept = new JSONObject(new String(text, StandardCharsets.UTF_8)).getJSONObject("accept");
                // what the SDK needs of an accept; it gives the channel up where something is missing
                java.util.UUID.fromString(accept.getString("id").substring(0, 36));
                accept.getJSONObject("remoteEndpoint").getInt("port");
                JSONObject headers = accept.getJSONObject("connectHeaders");
                headers.keySet().forEach(headers::getString);
                for (String pair : URI.create(accept.getString("address")).getQuery().split("&")) {
                    if (pair.split("=").length > 2) {
                        throw new IllegalStateException("the SDK cannot read this part of an address: " + pair);
                    }
                }
                WORKERS.execute(() -> echo(accept.getString("address")));
            }
        } catch (Exception error) {
            Lines.event("failed", "message", error.toString());
        }
    }

    private static void echo(String address) {
        try {
            RelaySocket socket = RelaySocket.open(address);
            for (RelaySocket.Piece piece = socket.read(); piece != null; piece = socket.read()) {
                String text = piece.isText() ? new String(piece.data(), StandardCharsets.UTF_8) : "";
                if (text.startsWith("close ")) {
                    String[] words = text.split(" ", 3);
                    socket.close(Integer.parseInt(words[1]), words[2]);
                } else if (piece.isText()) {
                    socket.sendText(text);
                } else {
                    socket.sendBinary(piece.data(), piece.isLast());
                }
            }
            Lines.event("closed", "code", socket.closed.join().getCloseCode().getCode());
        } catch (Exception error) {
            Lines.event("failed", "message", error.toString());
        }
    }
}

import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.UUID;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** The hybrid connection of this program, and tokens for it. Resources are named as Microsoft's Java SDK names them. */
final class Relay {
    static final String HOST = System.getenv("RELAY_HOST");
    static final String PATH = System.getenv("RELAY_PATH");
    static final long TOKEN_LIFETIME_S = Long.parseLong(System.getenv().getOrDefault("TOKEN_LIFETIME_S", "3600"));

    static URI listenAddress() {
        return address(PATH, "listen");
    }

    static URI connectAddress(String suffix) {
        return address(PATH + suffix, "connect");
    }

    private static URI address(String path, String action) {
        return URI.create("wss://" + HOST + "/$hc/" + path + "?sb-hc-action=" + action + "&sb-hc-id=" + UUID.randomUUID());
    }

    static String listenerToken() {
        return token("sb://" + HOST + "/" + PATH);
    }

    /** The SDK's WebSocket sender signs for the whole namespace, whatever key it has. */
    static String webSocketSenderToken() {
        return token("sb://" + HOST);
    }

    static String httpSenderToken() {
        return token("https://" + HOST + "/" + PATH);
    }

    private static String token(String resource) {
        try {
            String encoded = URLEncoder.encode(resource, StandardCharsets.UTF_8);
            long end = Instant.now().getEpochSecond() + TOKEN_LIFETIME_S;
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(System.getenv("RELAY_KEY").getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
            byte[] digest = mac.doFinal((encoded + "\n" + end).getBytes(StandardCharsets.UTF_8));
            String signature = URLEncoder.encode(Base64.getEncoder().encodeToString(digest), StandardCharsets.UTF_8);
            String rule = URLEncoder.encode(System.getenv("RELAY_KEY_NAME"), StandardCharsets.UTF_8);
            return "SharedAccessSignature sr=" + encoded + "&sig=" + signature + "&se=" + end + "&skn=" + rule;
        } catch (java.security.GeneralSecurityException error) {
            throw new IllegalStateException(error);
        }
    }
}

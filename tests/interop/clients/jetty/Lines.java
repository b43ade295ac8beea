import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import org.json.JSONObject;

/** One command a line on standard input, one answer or event a line on standard output; and the bodies of tests. */
final class Lines {
    interface Handler {
        JSONObject handle(JSONObject command) throws Exception;
    }

    static synchronized void tell(JSONObject message) {
        System.out.println(message);
    }

    static void event(String name, Object... members) {
        JSONObject message = new JSONObject().put("event", name);
        for (int i = 0; i < members.length; i += 2) {
            message.put((String) members[i], members[i + 1]);
        }
        tell(message);
    }

    static void answer(Handler handler) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            tell(new JSONObject().put("answer", handler.handle(new JSONObject(line))));
        }
        System.exit(0);
    }

    /** Ends the program when nobody is left to talk to. */
    static void exitWithInput() throws IOException {
        while (System.in.read() >= 0) {
            continue;
        }
        System.exit(0);
    }

    static byte[] bytes(int count) {
        byte[] made = new byte[count];
        for (int i = 0; i < count; i++) {
            made[i] = (byte) (i % 251);
        }
        return made;
    }

    static String text(int count) {
        char[] made = new char[count];
        for (int i = 0; i < count; i++) {
            made[i] = "a\u00e4\u20ac".charAt(i % 3);
        }
        return new String(made);
    }

    static String sha256(byte[] data) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data));
        } catch (java.security.NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }

    static byte[] joined(byte[] first, byte[] second) {
        byte[] whole = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, whole, first.length, second.length);
        return whole;
    }
}

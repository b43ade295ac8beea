import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.net.ssl.HttpsURLConnection;
import org.json.JSONArray;
import org.json.JSONObject;

/** Java's own HTTP client as a sender, as Microsoft's samples for Java have it. */
final class HttpSender {
    private static final ExecutorService WORKERS = Executors.newCachedThreadPool();

    public static void main(String[] arguments) throws Exception {
        Lines.answer(HttpSender::handle);
    }

    private static JSONObject handle(JSONObject command) throws Exception {
        List<Future<JSONObject>> exchanges = new ArrayList<>();
        for (Object request : command.getJSONArray("requests")) {
            exchanges.add(WORKERS.submit(() -> exchange((JSONObject) request)));
        }
        JSONArray responses = new JSONArray();
        for (Future<JSONObject> exchange : exchanges) {
            responses.put(exchange.get());
        }
        return new JSONObject().put("responses", responses);
    }

    private static JSONObject exchange(JSONObject request) {
        try {
            return described(sent(request), request.optString("onFirstPiece", null));
        } catch (IOException error) {
            return new JSONObject().put("error", error.toString());
        }
    }

    private static HttpsURLConnection sent(JSONObject request) throws IOException {
        URL address = new URL("https://" + Relay.HOST + "/" + Relay.PATH + request.getString("target"));
        HttpsURLConnection connection = (HttpsURLConnection) address.openConnection();
        connection.setRequestMethod(request.getString("method"));
        connection.setInstanceFollowRedirects(false);
        connection.setRequestProperty("ServiceBusAuthorization", Relay.httpSenderToken());
        JSONObject headers = request.optJSONObject("headers", new JSONObject());
        headers.keySet().forEach(name -> connection.setRequestProperty(name, headers.getString(name)));
        if (request.has("body")) {
            byte[] body = Lines.bytes(request.getInt("body"));
            connection.setDoOutput(true);
            if (request.optBoolean("isChunked")) {
                connection.setChunkedStreamingMode(8_000);
            } else {
                connection.setFixedLengthStreamingMode(body.length);
            }
            try (OutputStream output = connection.getOutputStream()) {
                output.write(body);
            }
        }
        return connection;
    }

    private static JSONObject described(HttpsURLConnection connection, String onFirstPiece) throws IOException {
        int status = connection.getResponseCode();
        byte[] body = new byte[0];
        try (InputStream input = status >= 400 ? connection.getErrorStream() : connection.getInputStream()) {
            byte[] piece = new byte[65_536];
            for (int count = read(input, piece); count >= 0; count = read(input, piece)) {
                if (onFirstPiece != null && body.length == 0) {
                    exchange(new JSONObject().put("method", "GET").put("target", onFirstPiece));
                }
                body = Lines.joined(body, java.util.Arrays.copyOf(piece, count));
            }
        }
        JSONObject headers = new JSONObject();
        connection.getHeaderFields().forEach((name, values) -> {
            if (name != null) {
                headers.put(name.toLowerCase(), String.join(", ", values));
            }
        });
        return new JSONObject()
            .put("status", status)
            .put("reason", connection.getResponseMessage())
            .put("headers", headers)
            .put("bytes", body.length)
            .put("sha256", Lines.sha256(body))
            .put("text", body.length < 4096 ? new String(body, StandardCharsets.UTF_8) : JSONObject.NULL)
            .put("isComplete", true);
    }

    /** There is no error stream when an error has no body. */
    private static int read(InputStream input, byte[] piece) throws IOException {
        return input == null ? -1 : input.read(piece);
    }
}

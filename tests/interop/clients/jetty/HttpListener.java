import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.json.JSONObject;

/** A listener for HTTP requests that makes the moves of Microsoft's Java SDK; it has the routes that test_http.py asks for. */
final class HttpListener {
    private static final ExecutorService WORKERS = Executors.newCachedThreadPool();
    private static final List<CountDownLatch> WAITING = new ArrayList<>();

    public static void main(String[] arguments) throws Exception {
        RelaySocket control = RelaySocket.open(Relay.listenAddress(), Relay.listenerToken(), List.of());
        Lines.event("listening");
        WORKERS.execute(() -> serve(control));
        if (!List.of(arguments).contains("--fixed-token")) {
            renewFrom(control);
        }
        Lines.exitWithInput();
    }

    /** The SDK renews a token when it ends, and not before. */
    private static void renewFrom(RelaySocket control) {
        Runnable renew = () -> {
            try {
                control.sendText(new JSONObject().put("renewToken", new JSONObject().put("token", Relay.listenerToken())).toString());
            } catch (java.io.IOException error) {
                Lines.event("failed", "message", error.toString());
            }
        };
        long lifetime = Relay.TOKEN_LIFETIME_S;
        Executors.newSingleThreadScheduledExecutor().scheduleAtFixedRate(renew, lifetime, lifetime, TimeUnit.SECONDS);
    }

    private static void serve(RelaySocket control) {
        try {
            for (byte[] text = control.readMessage(); text != null; text = control.readMessage()) {
                JSONObject command = new JSONObject(new String(text, StandardCharsets.UTF_8));
                if (!command.keySet().equals(java.util.Set.of("request"))) {
                    throw new IllegalStateException("a command that is not known: " + command.keySet());
                }
                JSONObject request = command.getJSONObject("request");
                if (!request.has("body")) {
                    WORKERS.execute(() -> rendezvous(control, request.getString("address")));
                } else {
                    byte[] body = request.getBoolean("body") ? control.readMessage() : new byte[0];
                    WORKERS.execute(() -> handle(request, body, new ResponseStream(request, control, null)));
                }
            }
            Lines.event("lost", "code", control.closed.join().getCloseCode().getCode());
        } catch (Exception error) {
            Lines.event("failed", "message", error.toString());
        }
    }

    private static void rendezvous(RelaySocket control, String address) {
        try {
            RelaySocket socket = RelaySocket.open(address);
            JSONObject command = new JSONObject(new String(socket.readMessage(), StandardCharsets.UTF_8));
            JSONObject request = command.getJSONObject("request");
            handle(request, socket.readMessage(), new ResponseStream(request, control, socket));
        } catch (Exception error) {
            Lines.event("failed", "message", error.toString());
        }
    }

    /** Letter case does not matter, and a proxy on the way may change it. */
    private static String field(JSONObject headers, String name, String otherwise) {
        for (String key : headers.keySet()) {
            if (key.equalsIgnoreCase(name)) {
                return headers.getString(key);
            }
        }
        return otherwise;
    }

    private static void handle(JSONObject request, byte[] body, ResponseStream response) {
        try {
            String[] target = request.getString("requestTarget").split("\\?", 2);
            Map<String, String> query = query(target.length > 1 ? target[1] : "");
            switch (target[0].substring(target[0].lastIndexOf('/') + 1)) {
                case "echo" -> {
                    response.header("X-Method", request.getString("method"));
                    response.header("Content-Type", field(request.getJSONObject("requestHeaders"), "Content-Type", "text/plain"));
                    response.write(body);
                }
                case "seen" -> response.write(seen(request).toString().getBytes(StandardCharsets.UTF_8));
                case "status" -> {
                    response.status(Integer.parseInt(query.get("code")), query.get("reason"));
                    response.header("X-Answer", "given");
                    response.write("as you wish".getBytes(StandardCharsets.UTF_8));
                }
                case "nothing" -> response.status(204, "Nothing to say");
                case "large" -> response.write(Lines.bytes(Integer.parseInt(query.get("bytes"))));
                case "stream" -> {
                    CountDownLatch released = new CountDownLatch(1);
                    synchronized (WAITING) {
                        WAITING.add(released);
                    }
                    response.write(Lines.bytes(100_000));
                    released.await();
                    response.write("the last piece".getBytes(StandardCharsets.UTF_8));
                }
                case "release" -> {
                    synchronized (WAITING) {
                        WAITING.forEach(CountDownLatch::countDown);
                        WAITING.clear();
                    }
                    response.write("released".getBytes(StandardCharsets.UTF_8));
                }
                default -> response.status(404, "There is no such route");
            }
            response.close();
        } catch (Exception error) {
            Lines.event("failed", "message", error.toString());
        }
    }

    private static JSONObject seen(JSONObject request) {
        JSONObject headers = new JSONObject();
        JSONObject given = request.getJSONObject("requestHeaders");
        given.keySet().forEach(name -> headers.put(name.toLowerCase(), (Object) (String) given.get(name)));
        return new JSONObject()
            .put("method", request.getString("method"))
            .put("target", request.getString("requestTarget"))
            .put("headers", headers);
    }

    private static Map<String, String> query(String text) {
        Map<String, String> values = new HashMap<>();
        for (String pair : text.split("&")) {
            String[] parts = pair.split("=", 2);
            values.put(parts[0], parts.length > 1 ? URLDecoder.decode(parts[1], StandardCharsets.UTF_8) : "");
        }
        return values;
    }
}

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import javax.websocket.CloseReason;
import org.eclipse.jetty.websocket.api.UpgradeException;
import org.json.JSONArray;
import org.json.JSONObject;

/** A WebSocket sender on Jetty: sends messages, takes what comes back, and closes or is closed. */
final class WebSocketSender {
    public static void main(String[] arguments) throws Exception {
        Lines.answer(WebSocketSender::handle);
    }

    private static JSONObject handle(JSONObject command) throws Exception {
        List<String> protocols = new ArrayList<>();
        listOf(command, "protocols").forEach(protocol -> protocols.add((String) protocol));
        try {
            String suffix = command.optString("suffix", "");
            return talk(RelaySocket.open(Relay.connectAddress(suffix), Relay.webSocketSenderToken(), protocols), command);
        } catch (Exception error) {
            if (error.getCause() instanceof UpgradeException refused) {
                JSONObject described = new JSONObject()
                    .put("status", refused.getResponseStatusCode())
                    .put("reason", refused.getMessage());
                return new JSONObject().put("refused", described);
            }
            throw error;
        }
    }

    private static JSONObject talk(RelaySocket socket, JSONObject command) throws Exception {
        long missing = 0;
        int messages = 0;
        for (Object given : listOf(command, "messages")) {
            JSONObject message = (JSONObject) given;
            int count = message.getInt("count");
            if (message.getString("type").equals("text")) {
                socket.sendText(Lines.text(count));
                missing += Lines.text(count).getBytes(StandardCharsets.UTF_8).length;
            } else {
                socket.sendBinary(Lines.bytes(count), true);
                missing += count;
            }
            messages++;
        }
        JSONArray received = new JSONArray();
        byte[] whole = new byte[0];
        byte[] begun = new byte[0];
        while (missing > 0 || received.length() < messages) {
            RelaySocket.Piece piece = socket.read();
            if (piece == null) {
                break;
            }
            missing -= piece.data().length;
            whole = Lines.joined(whole, piece.data());
            begun = Lines.joined(begun, piece.data());
            if (piece.isLast()) {
                received.put(described(piece.isText() ? "text" : "binary", begun));
                begun = new byte[0];
            }
        }
        if (command.has("askFor")) {
            socket.sendText(command.getString("askFor"));
        } else {
            socket.close(command.getJSONObject("close").getInt("code"), command.getJSONObject("close").getString("reason"));
        }
        CloseReason reason = socket.closed.get();
        String protocol = socket.protocol();
        return new JSONObject()
            .put("protocol", protocol == null || protocol.isEmpty() ? JSONObject.NULL : protocol)
            .put("received", received)
            .put("whole", described("binary", whole))
            .put("close", new JSONObject().put("code", reason.getCloseCode().getCode()).put("reason", reason.getReasonPhrase()));
    }

    private static JSONArray listOf(JSONObject command, String member) {
        return command.has(member) ? command.getJSONArray(member) : new JSONArray();
    }

    private static JSONObject described(String type, byte[] data) {
        return new JSONObject().put("type", type).put("bytes", data.length).put("sha256", Lines.sha256(data));
    }
}

import java.io.ByteArrayOutputStream;
import org.json.JSONObject;

/**
 * A response as Microsoft's Java SDK sends it: on the control channel if all of it fits into 64 KiB, else by rendezvous,
 * in binary frames none of which is the last one of its message; Close 1000 ends it.
 */
final class ResponseStream {
    private static final int MAX_CONTROL_BODY = 64 * 1024;

    private final JSONObject request;
    private final RelaySocket control;
    private final JSONObject headers = new JSONObject();
    private final ByteArrayOutputStream kept = new ByteArrayOutputStream();
    private RelaySocket rendezvous;
    private boolean hasStarted;
    private int status = 200;
    private String reason;

    ResponseStream(JSONObject request, RelaySocket control, RelaySocket rendezvous) {
        this.request = request;
        this.control = control;
        this.rendezvous = rendezvous;
    }

    void status(int code, String description) {
        status = code;
        reason = description;
    }

    void header(String name, String value) {
        headers.put(name, value);
    }

    void write(byte[] data) throws Exception {
        if (rendezvous == null && kept.size() + data.length <= MAX_CONTROL_BODY) {
            kept.writeBytes(data);
            return;
        }
        if (rendezvous == null) {
            rendezvous = RelaySocket.open(request.getString("address"));
        }
        if (!hasStarted) {
            hasStarted = true;
            rendezvous.sendText(response(true));
            if (kept.size() > 0) {
                rendezvous.sendBinary(kept.toByteArray(), false);
            }
        }
        rendezvous.sendBinary(data, false);
    }

    void close() throws Exception {
        if (rendezvous == null) {
            synchronized (control) { // nothing may come between the two
                control.sendText(response(kept.size() > 0));
                if (kept.size() > 0) {
                    control.sendBinary(kept.toByteArray(), true);
                }
            }
            return;
        }
        if (!hasStarted) {
            rendezvous.sendText(response(false));
        }
        rendezvous.close(1000, "NormalClosure");
    }

    private String response(boolean hasBody) {
        JSONObject response = new JSONObject()
            .put("requestId", request.getString("id"))
            .put("body", hasBody)
            .put("statusCode", status)
            .put("statusDescription", reason == null ? JSONObject.NULL : reason)
            .put("responseHeaders", headers);
        return new JSONObject().put("response", response).toString();
    }
}

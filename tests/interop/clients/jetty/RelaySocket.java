import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.Writer;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import javax.websocket.ClientEndpointConfig;
import javax.websocket.CloseReason;
import javax.websocket.ContainerProvider;
import javax.websocket.DeploymentException;
import javax.websocket.Endpoint;
import javax.websocket.EndpointConfig;
import javax.websocket.MessageHandler;
import javax.websocket.Session;
import javax.websocket.WebSocketContainer;

/** A WebSocket on Jetty by javax.websocket, used as Microsoft's Java SDK uses it: whole texts in, pieces of binary in. */
final class RelaySocket extends Endpoint {
    /** A message, or a piece of one. */
    record Piece(boolean isText, byte[] data, boolean isLast) {}

    private static final int MAX_MESSAGE = 8 << 20;
    private static final WebSocketContainer CONTAINER = ContainerProvider.getWebSocketContainer();

    static {
        CONTAINER.setDefaultMaxTextMessageBufferSize(MAX_MESSAGE);
        CONTAINER.setDefaultMaxBinaryMessageBufferSize(MAX_MESSAGE);
    }

    final CompletableFuture<CloseReason> closed = new CompletableFuture<>();
    private final BlockingQueue<Optional<Piece>> pieces = new LinkedBlockingQueue<>();
    private Session session;

    static RelaySocket open(URI address, String token, List<String> protocols) throws DeploymentException, IOException {
        RelaySocket socket = new RelaySocket();
        ClientEndpointConfig config = ClientEndpointConfig.Builder.create()
            .preferredSubprotocols(protocols)
            .configurator(new ClientEndpointConfig.Configurator() {
                @Override
                public void beforeRequest(Map<String, List<String>> headers) {
                    if (token != null) {
                        headers.put("ServiceBusAuthorization", Arrays.asList(token));
                    }
                }
            })
            .build();
        CONTAINER.connectToServer(socket, config, address);
        return socket;
    }

    /** A rendezvous: the address as it was given, without a token. */
    static RelaySocket open(String address) throws DeploymentException, IOException {
        return open(URI.create(address), null, List.of());
    }

    @Override
    public void onOpen(Session opened, EndpointConfig config) {
        session = opened;
        opened.addMessageHandler(new MessageHandler.Whole<String>() {
            @Override
            public void onMessage(String text) {
                pieces.add(Optional.of(new Piece(true, text.getBytes(java.nio.charset.StandardCharsets.UTF_8), true)));
            }
        });
        opened.addMessageHandler(new MessageHandler.Partial<byte[]>() {
            @Override
            public void onMessage(byte[] data, boolean isLast) {
                pieces.add(Optional.of(new Piece(false, data, isLast)));
            }
        });
    }

    @Override
    public void onClose(Session ended, CloseReason reason) {
        closed.complete(reason);
        pieces.add(Optional.empty());
    }

    @Override
    public void onError(Session ended, Throwable error) {
        Lines.event("failed", "message", String.valueOf(error));
    }

    String protocol() {
        return session.getNegotiatedSubprotocol();
    }

    /** The next piece; null once it is closed. */
    Piece read() throws InterruptedException {
        Piece piece = pieces.take().orElse(null);
        if (piece == null) {
            pieces.add(Optional.empty());
        }
        return piece;
    }

    /** The next whole message; null once it is closed. */
    byte[] readMessage() throws InterruptedException {
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        for (Piece piece = read(); piece != null; piece = read()) {
            whole.writeBytes(piece.data());
            if (piece.isLast()) {
                return whole.toByteArray();
            }
        }
        return null;
    }

    /** By a writer, as the SDK does: a text frame that is not the last one, and an empty one that is. */
    synchronized void sendText(String text) throws IOException {
        try (Writer writer = session.getBasicRemote().getSendWriter()) {
            writer.write(text);
        }
    }

    synchronized void sendBinary(byte[] data, boolean isLast) throws IOException {
        session.getBasicRemote().sendBinary(ByteBuffer.wrap(data), isLast);
    }

    void close(int code, String reason) throws IOException {
        session.close(new CloseReason(CloseReason.CloseCodes.getCloseCode(code), reason));
    }
}

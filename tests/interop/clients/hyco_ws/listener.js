// hyco-ws as a listener: every message comes back; `close CODE REASON` closes, `tell` is told, and so is every close.
'use strict';

const WebSocket = require('hyco-ws');
const { tell } = require('../lines');

const { RELAY_HOST, RELAY_PATH, RELAY_KEY_NAME, RELAY_KEY } = process.env;

const uri = WebSocket.createRelayListenUri(RELAY_HOST, RELAY_PATH);
const server = WebSocket.createRelayedServer({
  server: uri,
  token: () => WebSocket.createRelayToken(uri, RELAY_KEY_NAME, RELAY_KEY),
}, (socket) => {
  socket.on('message', (data, flags) => {
    if (!flags.binary && data.startsWith('close ')) {
      const [, code, reason] = data.match(/^close (\d+) (.*)$/);
      socket.close(Number(code), reason);
    } else if (!flags.binary && data === 'tell') {
      tell({ event: 'told' });
    } else {
      socket.send(data, { binary: Boolean(flags.binary) });
    }
  });
  socket.on('close', (code, reason) => tell({ event: 'closed', code, reason }));
  socket.on('error', (error) => tell({ event: 'failed', message: error.message }));
});
server.on('listening', () => tell({ event: 'listening' }));
server.on('error', (error) => tell({ event: 'failed', message: error.message }));

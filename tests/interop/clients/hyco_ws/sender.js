// hyco-ws as a sender: sends messages, takes what comes back, and closes or is closed.
'use strict';

const WebSocket = require('hyco-ws');
const { bytes, text, sha256 } = require('../bodies');
const { answer } = require('../lines');

const { RELAY_HOST, RELAY_PATH, RELAY_KEY_NAME, RELAY_KEY } = process.env;

const describe = (data, isText) => ({ type: isText ? 'text' : 'binary', bytes: data.length, sha256: sha256(data) });

const exchange = ({ messages = [], protocols = [], close = null, askFor = null, suffix = '' }) =>
  new Promise((resolve) => {
    const address = WebSocket.createRelaySendUri(RELAY_HOST, RELAY_PATH + suffix);
    const token = WebSocket.createRelayToken(address, RELAY_KEY_NAME, RELAY_KEY);
    const headers = { ServiceBusAuthorization: token };
    const socket = protocols.length
      ? new WebSocket(address, protocols, { headers })
      : WebSocket.relayedConnect(address, token);
    const received = [];
    let missing = messages.reduce((sum, { type, count }) => sum + wire(type, count).length, 0);
    let left = messages.length;
    const end = () => (askFor ? socket.send(askFor) : socket.close(close.code, close.reason));
    socket.on('open', () => {
      messages.forEach(({ type, count }) => socket.send(type === 'text' ? text(count) : bytes(count)));
      if (!messages.length) end();
    });
    socket.on('message', (data, flags) => {
      const raw = Buffer.from(data);
      received.push(raw);
      received[received.length - 1].isText = !flags.binary;
      missing -= raw.length;
      left -= 1;
      // a stream may cut messages otherwise: everything is back once all bytes are, and as many messages at least
      if (missing === 0 && left <= 0) end();
    });
    socket.on('close', (code, reason) => resolve({
      protocol: socket.protocol || null,
      received: received.map((data) => describe(data, data.isText)),
      whole: describe(Buffer.concat(received), false),
      close: { code, reason },
    }));
    socket.on('unexpected-response', (request, response) =>
      resolve({ refused: { status: response.statusCode, reason: response.statusMessage } }));
    socket.on('error', (error) => resolve({ error: String(error.message || error) }));
  });

const wire = (type, count) => (type === 'text' ? Buffer.from(text(count)) : bytes(count));

answer(exchange);

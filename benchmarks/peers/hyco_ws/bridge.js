// TCP to TCP over relayed WebSockets with hyco-ws, which has no bridge of its own: one message for each read.
//
//   node bridge.js listen TARGET_PORT | connect LOCAL_PORT
//
// RELAY_HOST (HOST:PORT, without TLS), RELAY_PATH, RELAY_KEY_NAME and RELAY_KEY say where and as who.
'use strict';

const net = require('net');
const WebSocket = require('hyco-ws');

const { RELAY_HOST, RELAY_PATH, RELAY_KEY_NAME, RELAY_KEY } = process.env;
const HIGH_BYTES = 1 << 20; // a relayed WebSocket that holds more than this is not given anything else
const LOOK_MS = 1; // its ws tells when a message was handed to the socket, but not when the socket has room

// Its own functions for this know TLS on port 443 alone.
const address = (action) => `ws://${RELAY_HOST}/$hc/${RELAY_PATH}?sb-hc-action=${action}`;

function join(socket, relayed) {
  socket.setNoDelay(true);
  const look = () => {
    if (relayed.bufferedAmount > HIGH_BYTES) setTimeout(look, LOOK_MS);
    else socket.resume();
  };
  socket.on('data', (data) => {
    if (relayed.readyState !== WebSocket.OPEN) return;
    relayed.send(data, { binary: true });
    if (relayed.bufferedAmount > HIGH_BYTES) {
      socket.pause();
      setTimeout(look, LOOK_MS);
    }
  });
  relayed.on('message', (data) => {
    // its pause and resume throw once it is closing
    if (!socket.write(data) && relayed.readyState === WebSocket.OPEN) {
      relayed.pause();
      socket.once('drain', () => relayed.readyState === WebSocket.OPEN && relayed.resume());
    }
  });
  socket.on('close', () => relayed.close());
  socket.on('error', () => socket.destroy());
  relayed.on('close', () => socket.end());
  relayed.on('error', () => socket.destroy());
}

function listen(port) {
  const uri = address('listen');
  const token = () => WebSocket.createRelayToken(uri, RELAY_KEY_NAME, RELAY_KEY);
  const server = WebSocket.createRelayedServer({ server: uri, token }, (relayed) => {
    const early = [];
    const keep = (data) => early.push(data);
    relayed.on('message', keep);
    const socket = net.connect(port, '127.0.0.1', () => {
      relayed.removeListener('message', keep);
      early.forEach((data) => socket.write(data));
      join(socket, relayed);
    });
    socket.on('error', () => relayed.close());
  });
  server.on('error', (error) => console.error(String(error)));
}

function connect(port) {
  const uri = address('connect');
  // pauseOnConnect: what comes before the relayed connection stands stays in the socket
  net.createServer({ pauseOnConnect: true, allowHalfOpen: false }, (socket) => {
    const token = WebSocket.createRelayToken(uri, RELAY_KEY_NAME, RELAY_KEY);
    const relayed = WebSocket.relayedConnect(uri, token);
    socket.on('error', () => relayed.terminate());
    relayed.on('error', () => socket.destroy());
    relayed.on('unexpected-response', () => socket.destroy());
    relayed.on('open', () => {
      join(socket, relayed);
      socket.resume();
    });
  }).listen({ port, host: '127.0.0.1', backlog: 4096 });
}

const [, , role, port] = process.argv;
({ listen, connect })[role](Number(port));

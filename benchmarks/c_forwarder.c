/* The least that moving frames between two WebSockets can cost: the yardstick for the gateway's pump.
 *
 * Two connections that ask for the same target are joined. Frames are taken apart as they stream by, unmasked word by
 * word, and leave with a header that says so: reads of 256 KiB into one shared buffer, one write for each read, and a
 * direction stops being read while its other side takes nothing. No tokens, no protocol checks, no timeouts, and the
 * 101 leaves out the key's digest. Prints one line when it is ready. Linux (epoll), little-endian.
 *
 * usage: c_forwarder            serves on a free port of 127.0.0.1 until it is killed
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 256 * 1024, HEAD_BYTES = 4096 };
static const char SWITCHING[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
static uint8_t in[READ_BYTES], out[READ_BYTES + 16];
static int epoll;

struct leg {
    int fd, is_joined, is_dead;
    struct leg *peer, *next_waiting, *next_dead;
    char *target;                /* of one that waits for the other */
    char *head;                  /* until the request is complete */
    size_t head_len;
    uint8_t header[14];          /* of the frame that comes in */
    unsigned header_len;
    uint64_t left, key;          /* of its payload; the mask twice over, at its current turn */
    uint8_t *unsent;             /* what this socket did not take yet */
    size_t unsent_len, unsent_at;
};
static struct leg *waiting, *dead;

static void watch(struct leg *leg)
{
    int reads = leg->peer == NULL || leg->peer->unsent == NULL;
    struct epoll_event event = {(reads ? EPOLLIN : 0) | (leg->unsent ? EPOLLOUT : 0), {.ptr = leg}};
    epoll_ctl(epoll, EPOLL_CTL_MOD, leg->fd, &event);
}

static void end(struct leg *leg)
{
    if (leg->is_dead) return;
    leg->is_dead = 1;
    for (struct leg **at = &waiting; *at; at = &(*at)->next_waiting)
        if (*at == leg) { *at = leg->next_waiting; break; }
    close(leg->fd);
    leg->next_dead = dead; /* freed after this round: another event may still name it */
    dead = leg;
    if (leg->peer) end(leg->peer);
}

static void send_out(struct leg *to, const uint8_t *data, size_t len)
{
    ssize_t sent = len ? send(to->fd, data, len, MSG_NOSIGNAL) : 0;
    if (sent < 0 && errno != EAGAIN) { end(to); return; }
    if (sent < 0) sent = 0;
    if ((size_t)sent == len) return;
    to->unsent_len = len - sent;
    to->unsent_at = 0;
    to->unsent = malloc(to->unsent_len);
    memcpy(to->unsent, data + sent, to->unsent_len);
    watch(to);
    if (to->peer) watch(to->peer);
}

static void send_rest(struct leg *to)
{
    ssize_t sent = send(to->fd, to->unsent + to->unsent_at, to->unsent_len - to->unsent_at, MSG_NOSIGNAL);
    if (sent < 0) { if (errno != EAGAIN) end(to); return; }
    to->unsent_at += sent;
    if (to->unsent_at < to->unsent_len) return;
    free(to->unsent);
    to->unsent = NULL;
    watch(to);
    if (to->peer) watch(to->peer);
}

static void unmask(uint8_t *to, const uint8_t *from, size_t n, uint64_t *key)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, from + i, 8);
        word ^= *key;
        memcpy(to + i, &word, 8);
    }
    unsigned turn = (n - i) & 3;
    for (unsigned shift = 0; i < n; i++, shift += 8) to[i] = from[i] ^ (uint8_t)(*key >> shift);
    if (turn) *key = *key >> (8 * turn) | *key << (64 - 8 * turn);
}

static void forward(struct leg *leg, const uint8_t *data, size_t n)
{
    size_t i = 0, o = 0;
    while (i < n) {
        if (leg->left) {
            size_t piece = leg->left < n - i ? leg->left : n - i;
            unmask(out + o, data + i, piece, &leg->key);
            i += piece, o += piece, leg->left -= piece;
            continue;
        }
        unsigned need = 2, length;
        for (;;) {
            while (leg->header_len < need && i < n) leg->header[leg->header_len++] = data[i++];
            if (leg->header_len < need) goto done;
            length = leg->header[1] & 0x7f;
            unsigned whole = 6 + (length == 126 ? 2 : length == 127 ? 8 : 0);
            if (need == whole) break;
            need = whole;
        }
        leg->left = length;
        if (length >= 126) {
            leg->left = 0;
            for (unsigned k = 2; k < need - 4; k++) leg->left = leg->left << 8 | leg->header[k];
        }
        uint32_t mask;
        memcpy(&mask, leg->header + need - 4, 4);
        leg->key = (uint64_t)mask << 32 | mask;
        leg->header[1] &= 0x7f;
        memcpy(out + o, leg->header, need - 4);
        o += need - 4;
        leg->header_len = 0;
    }
done:
    send_out(leg->peer, out, o);
}

static void shake_hands(struct leg *leg, size_t n)
{
    leg->head = realloc(leg->head, HEAD_BYTES + 1);
    if (leg->head_len + n > HEAD_BYTES) { end(leg); return; }
    memcpy(leg->head + leg->head_len, in, n);
    leg->head_len += n;
    leg->head[leg->head_len] = 0;
    if (!strstr(leg->head, "\r\n\r\n")) return;
    char *target = strchr(leg->head, ' ');
    char *target_end = target ? strchr(target + 1, ' ') : NULL;
    if (!target_end) { end(leg); return; }
    leg->target = strndup(target + 1, target_end - target - 1);
    free(leg->head);
    leg->head = NULL;
    for (struct leg **at = &waiting; *at; at = &(*at)->next_waiting) {
        struct leg *peer = *at;
        if (strcmp(peer->target, leg->target)) continue;
        *at = peer->next_waiting;
        leg->peer = peer, peer->peer = leg;
        leg->is_joined = peer->is_joined = 1;
        send_out(leg, (const uint8_t *)SWITCHING, sizeof SWITCHING - 1);
        send_out(peer, (const uint8_t *)SWITCHING, sizeof SWITCHING - 1);
        return;
    }
    leg->next_waiting = waiting;
    waiting = leg;
}

static void receive(struct leg *leg)
{
    if (leg->peer && leg->peer->unsent) { end(leg); return; } /* not being read: this is its sudden end */
    ssize_t n = recv(leg->fd, in, READ_BYTES, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0 || (!leg->is_joined && leg->target)) { end(leg); return; }
    if (leg->is_joined) forward(leg, in, n);
    else shake_hands(leg, n);
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    struct epoll_event events[64], event = {EPOLLIN, {.ptr = NULL}};
    int door = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (bind(door, (struct sockaddr *)&address, size) || listen(door, 1024)) { perror("bind"); return 1; }
    getsockname(door, (struct sockaddr *)&address, &size);
    epoll = epoll_create1(0);
    epoll_ctl(epoll, EPOLL_CTL_ADD, door, &event);
    printf("ready: listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            struct leg *leg = events[i].data.ptr;
            if (!leg) {
                int fd = accept4(door, NULL, NULL, SOCK_NONBLOCK);
                if (fd < 0) continue;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                leg = calloc(1, sizeof *leg);
                leg->fd = fd;
                struct epoll_event reads = {EPOLLIN, {.ptr = leg}};
                epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &reads);
                continue;
            }
            if (!leg->is_dead && leg->unsent && events[i].events & ~EPOLLIN) send_rest(leg);
            if (!leg->is_dead && events[i].events & ~EPOLLOUT) receive(leg);
        }
        while (dead) {
            struct leg *leg = dead;
            dead = leg->next_dead;
            free(leg->head), free(leg->target), free(leg->unsent), free(leg);
        }
    }
}

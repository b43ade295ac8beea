/* Distance between two programs on one machine: a relay of TCP connections that keeps every byte back for a while.
 *
 *   delay DESTINATION_PORT ROUND_TRIP_MS
 *
 * It listens on a port of 127.0.0.1, which it prints as "ready: listening on 127.0.0.1:PORT", and leads every connection
 * to the destination port there. A connection costs a round trip before anything crosses, as TCP's handshake does. "cut"
 * on standard input is what pulling out the cable is: nothing crosses any more, and nobody is told; "mend" puts it
 * back, and what was under way arrives at once, where a real TCP would wait for its next try. Each answers "done".
 * Nothing is lost, and there is no limit of rate but that each direction holds WINDOW bytes at most, as a receiver's
 * window does. Only Linux has what is used here (epoll).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 64 * 1024, WINDOW = 32 * 1024 * 1024, EVENTS = 256 };

struct piece {
    int64_t due;
    size_t count, sent; /* count 0: the end of what that side says */
    struct piece *next;
    char data[];
};

struct end {
    struct pair *pair;
    struct end *other;
    int fd;
    int has_ended;            /* it will say nothing more */
    int is_connecting;
    uint32_t watched;           /* what epoll tells of it; 0: it does not know it */
    struct piece *first, *last; /* on their way to this end */
    size_t held;
};

struct pair {
    struct end near, far;
    int64_t opens_at; /* when the far end is called; 0 once it was */
    int is_over;
    struct pair *before, *after, *next_dead;
};

static struct pair *pairs, *dead;
static int epoll, port, is_cut;
static int64_t one_way;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * (int64_t)1000000000 + t.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "delay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int would_block(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

static void over(struct pair *p) {
    if (p->is_over) return;
    p->is_over = 1;
    struct end *ends[] = {&p->near, &p->far};
    for (int i = 0; i < 2; i++) {
        if (ends[i]->fd >= 0) close(ends[i]->fd);
        while (ends[i]->first) {
            struct piece *piece = ends[i]->first;
            ends[i]->first = piece->next;
            free(piece);
        }
    }
    if (p->before) p->before->after = p->after;
    else pairs = p->after;
    if (p->after) p->after->before = p->before;
    p->next_dead = dead;
    dead = p;
}

/* An end of which nothing is wanted is taken out of the set: epoll would tell of its hangup over and over. */
static void watch(struct end *e, int wants_room) {
    if (e->fd < 0) return;
    int reads = !e->has_ended && !e->is_connecting && e->other->held < WINDOW;
    uint32_t wanted = is_cut ? 0 : (reads ? EPOLLIN : 0) | (wants_room || e->is_connecting ? EPOLLOUT : 0);
    if (wanted == e->watched) return;
    struct epoll_event event = {.events = wanted, .data.ptr = e};
    int op = !wanted ? EPOLL_CTL_DEL : e->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(epoll, op, e->fd, &event)) die("epoll_ctl");
    e->watched = wanted;
}

static void hear(struct end *e) {
    static char buffer[PIECE];
    int64_t now = now_ns(), earliest = e->pair->opens_at ? e->pair->opens_at : now;
    ssize_t count = recv(e->fd, buffer, sizeof buffer, 0);
    if (count < 0 && would_block()) return;
    if (count < 0) { over(e->pair); return; }
    struct piece *piece = malloc(sizeof *piece + count);
    if (!piece) die("malloc");
    *piece = (struct piece){.due = (now > earliest ? now : earliest) + one_way, .count = count};
    memcpy(piece->data, buffer, count);
    if (!count) e->has_ended = 1;
    struct end *to = e->other;
    if (to->last) to->last->next = piece;
    else to->first = piece;
    to->last = piece;
    to->held += count;
    watch(e, e->first && e->first->due <= now);
}

/* Hand over what is due; the time of what is not, or 0. */
static int64_t deliver(struct end *e, int64_t now) {
    int was_full = e->held >= WINDOW;
    while (e->first && e->first->due <= now) {
        struct piece *piece = e->first;
        if (e->fd < 0 || e->is_connecting) return 0;
        if (piece->count) {
            ssize_t sent = send(e->fd, piece->data + piece->sent, piece->count - piece->sent, MSG_NOSIGNAL);
            if (sent < 0 && !would_block()) { over(e->pair); return 0; }
            if (sent > 0) piece->sent += sent;
            if (piece->sent < piece->count) { watch(e, 1); return 0; }
            e->held -= piece->count;
        } else {
            shutdown(e->fd, SHUT_WR);
            if (e->has_ended && !e->other->first) { over(e->pair); return 0; }
        }
        if (!(e->first = piece->next)) e->last = NULL;
        free(piece);
        if (!e->first && e->has_ended && e->other->has_ended && !e->other->first) { over(e->pair); return 0; }
    }
    watch(e, 0);
    if (was_full && e->held < WINDOW) watch(e->other, e->other->first && e->other->first->due <= now);
    return e->first ? e->first->due : 0;
}

static void call(struct pair *p) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1;
    p->opens_at = 0;
    p->far.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->far.fd < 0) { over(p); return; }
    setsockopt(p->far.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    p->far.is_connecting = 1;
    if (connect(p->far.fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) { over(p); return; }
    watch(&p->far, 0);
}

static void welcome(int listener) {
    int fd, yes = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct pair *p = calloc(1, sizeof *p);
        if (!p) die("calloc");
        p->near = (struct end){.pair = p, .other = &p->far, .fd = fd};
        p->far = (struct end){.pair = p, .other = &p->near, .fd = -1};
        p->opens_at = now_ns() + 2 * one_way;
        p->after = pairs;
        if (pairs) pairs->before = p;
        pairs = p;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        watch(&p->near, 0);
    }
}

static void obey(void) {
    static char line[64];
    if (!fgets(line, sizeof line, stdin)) exit(0);
    is_cut = !strncmp(line, "cut", 3);
    for (struct pair *p = pairs; p; p = p->after) {
        watch(&p->near, 0);
        watch(&p->far, 0);
    }
    puts("done");
    fflush(stdout);
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    struct rlimit limit;
    static int listens, asks, ticks;
    if (argc != 3) { fprintf(stderr, "usage: delay DESTINATION_PORT ROUND_TRIP_MS\n"); return 2; }
    port = atoi(argv[1]);
    one_way = atof(argv[2]) * 1e6 / 2;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        die("cannot listen");
    struct { int fd; void *what; } own[] = {{listener, &listens}, {0, &asks}, {timer, &ticks}};
    for (int i = 0; i < 3; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = own[i].what};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, own[i].fd, &event)) die("epoll_ctl");
    }
    printf("ready: listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            void *what = events[i].data.ptr;
            if (what == &listens) {
                welcome(listener);
            } else if (what == &asks) {
                obey();
            } else if (what == &ticks) {
                uint64_t times;
                if (read(timer, &times, sizeof times) < 0 && !would_block()) die("timer");
            } else {
                struct end *e = what;
                if (e->pair->is_over || is_cut) continue;
                if (e->is_connecting) {
                    int error = 0;
                    socklen_t length = sizeof error;
                    getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &error, &length);
                    e->is_connecting = 0;
                    if (error) over(e->pair);
                    else watch(e, 0);
                } else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !e->has_ended) {
                    hear(e);
                }
            }
        }
        int64_t now = now_ns(), next = INT64_MAX;
        for (struct pair *p = pairs, *after; p && !is_cut; p = after) {
            after = p->after;
            if (p->opens_at && p->opens_at <= now) call(p);
            else if (p->opens_at) next = earlier(next, p->opens_at);
            struct end *ends[] = {&p->near, &p->far};
            for (int i = 0; i < 2 && !p->is_over; i++) {
                int64_t due = deliver(ends[i], now);
                if (due) next = earlier(next, due);
            }
        }
        while (dead) {
            struct pair *p = dead;
            dead = p->next_dead;
            free(p);
        }
        struct itimerspec at = {0};
        if (next != INT64_MAX) {
            if (next <= now) next = now + 1;
            at.it_value = (struct timespec){next / 1000000000, next % 1000000000};
        }
        timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
    }
}

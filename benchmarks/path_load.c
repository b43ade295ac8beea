/* Load for a whole path: the service at its far end, and the clients at its near one, in one process.
 *
 * The service listens on a port of 127.0.0.1 and says so: "ready: listening on 127.0.0.1:PORT". The first byte of a
 * connection says what it is for: E echo, U take everything, D send without end, L take a counted number of bytes and
 * confirm them, G a keep-alive HTTP request. The clients do what a line on standard input tells them, against the
 * local port that it names; times are milliseconds unless they say otherwise:
 *
 *   stream up|down COUNT PORT WARM MEASURE      pingpong COUNT PORT WARM MEASURE      connect COUNT PORT WARM MEASURE
 *   http COUNT PORT WARM MEASURE                open COUNT RATE PORT WARM MEASURE     ladder BYTES PORT MEASURE
 *   idle COUNT PORT                             release
 *
 * "begin" and "end" are printed around what is measured, so that others can read their clocks, and then one line of
 * JSON. One thread serves and one asks: neither waits for the other. Only Linux has what is used here (epoll).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
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

enum { BLOCK = 256 * 1024, ECHO_BYTES = 64 * 1024, PING = 64, EVENTS = 256, AT_ONCE = 64, MANY_FAILURES = 1000 };
static const int64_t MS = 1000000, DEADLINE_NS = 20000 * (int64_t)1000000, DRAIN_NS = 2000 * (int64_t)1000000;

static const char REQUEST[] = "GET /benchmark HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: path_load\r\nAccept: */*\r\n\r\n";
static const char RESPONSE[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 32\r\n\r\n0123456789abcdef0123456789abcde\n";

static char block[BLOCK];   /* what is sent; its content does not matter */
static char scratch[BLOCK]; /* the clients' reads */
static atomic_llong taken;  /* bytes that U connections of the service have read */
static atomic_int takers;   /* how many of them there have been */

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * (int64_t)1000000000 + t.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "path_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(int epoll, int op, int fd, uint32_t events, void *ptr) {
    struct epoll_event event = {.events = events, .data.ptr = ptr};
    if (epoll_ctl(epoll, op, fd, &event) && op != EPOLL_CTL_DEL) die("epoll_ctl");
}

static int would_block(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

/* ---- the service ---- */

struct served {
    int fd;
    char mode;          /* 0 until the first byte has come */
    int matched;        /* of the blank line that ends a request */
    int header;         /* bytes of an L connection's count that have come */
    uint64_t expected;  /* bytes of it that are to come */
    char *pending;      /* what the socket would not take yet; nothing is read meanwhile */
    size_t begin, end;
    struct served *next_dead;
};

static struct served *dead; /* ended in this batch of events, which may still name them */

static void end_served(int epoll, struct served *c) {
    if (c->fd < 0) return;
    watch(epoll, EPOLL_CTL_DEL, c->fd, 0, NULL);
    close(c->fd);
    c->fd = -1;
    c->next_dead = dead;
    dead = c;
}

static int answer(int epoll, struct served *c, const char *data, size_t count) {
    ssize_t sent = c->end > c->begin ? 0 : send(c->fd, data, count, MSG_NOSIGNAL);
    if (sent < 0 && !would_block()) return -1;
    if (sent < 0) sent = 0;
    if ((size_t)sent == count) return 0;
    if (!c->pending && !(c->pending = malloc(2 * ECHO_BYTES))) die("malloc");
    if (c->begin == c->end) c->begin = c->end = 0;
    if (c->end + count - sent > 2 * ECHO_BYTES) return -1; /* it asks on without reading any answer */
    memcpy(c->pending + c->end, data + sent, count - sent);
    c->end += count - sent;
    watch(epoll, EPOLL_CTL_MOD, c->fd, EPOLLOUT, c);
    return 0;
}

static int digest(int epoll, struct served *c, char *data, ssize_t count) {
    char *from = data;
    if (!c->mode) {
        c->mode = *data;
        if (c->mode == 'U') atomic_fetch_add(&takers, 1);
        if (c->mode == 'D') watch(epoll, EPOLL_CTL_MOD, c->fd, EPOLLOUT | EPOLLIN, c);
        if (!strchr("EUDLG", c->mode)) return -1;
        if (c->mode == 'U' || c->mode == 'D' || c->mode == 'L') from++, count--;
    }
    if (c->mode == 'U') {
        atomic_fetch_add_explicit(&taken, count, memory_order_relaxed);
    } else if (c->mode == 'E') {
        return answer(epoll, c, from, count);
    } else if (c->mode == 'G') {
        for (ssize_t i = 0; i < count; i++) {
            c->matched = from[i] == "\r\n\r\n"[c->matched] ? c->matched + 1 : from[i] == '\r';
            if (c->matched == 4) {
                c->matched = 0;
                if (answer(epoll, c, RESPONSE, sizeof RESPONSE - 1)) return -1;
            }
        }
    } else if (c->mode == 'L') {
        while (count > 0) {
            while (c->header < 8 && count > 0) {
                c->expected |= (uint64_t)(unsigned char)*from++ << 8 * c->header++;
                count--;
            }
            uint64_t part = (uint64_t)count < c->expected ? (uint64_t)count : c->expected;
            from += part, count -= part, c->expected -= part;
            if (c->header == 8 && !c->expected) {
                c->header = 0;
                if (answer(epoll, c, "l", 1)) return -1;
            }
        }
    }
    return 0;
}

static void serve_one(int epoll, struct served *c, uint32_t events) {
    static char buffer[ECHO_BYTES], bulk[BLOCK];
    if (c->fd < 0) return;
    if (events & EPOLLOUT) {
        if (c->mode == 'D') {
            ssize_t sent = send(c->fd, block, BLOCK, MSG_NOSIGNAL);
            if (sent < 0 && !would_block()) { end_served(epoll, c); return; }
        } else {
            ssize_t sent = send(c->fd, c->pending + c->begin, c->end - c->begin, MSG_NOSIGNAL);
            if (sent < 0 && !would_block()) { end_served(epoll, c); return; }
            if (sent > 0) c->begin += sent;
            if (c->begin == c->end) watch(epoll, EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
            return;
        }
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        int is_bulk = c->mode == 'U' || c->mode == 'L';
        char *into = is_bulk ? bulk : buffer;
        ssize_t count = recv(c->fd, into, is_bulk ? BLOCK : ECHO_BYTES, 0);
        if (count < 0 && would_block()) return;
        if (count <= 0 || digest(epoll, c, into, count)) end_served(epoll, c);
    }
}

static void *serve(void *argument) {
    int listener = *(int *)argument, epoll = epoll_create1(EPOLL_CLOEXEC), yes = 1;
    watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct served *c = events[i].data.ptr;
            if (c) {
                serve_one(epoll, c, events[i].events);
                continue;
            }
            int fd;
            while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                if (!(c = calloc(1, sizeof *c))) die("calloc");
                c->fd = fd;
                watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, c);
            }
        }
        while (dead) {
            struct served *c = dead;
            dead = c->next_dead;
            free(c->pending);
            free(c);
        }
    }
    return NULL;
}

/* ---- the clients ---- */

struct client {
    int fd;
    int is_connected;
    size_t got;      /* of the answer that is awaited */
    size_t wanted;   /* 0: none is awaited */
    int64_t since;   /* when what is under way began, or was to begin */
    int is_warming;  /* and is not to be counted */
    int has_answered;
};

struct latencies {
    int64_t *values;
    size_t count, room;
};

static int epoll; /* the clients' own */

static void note(struct latencies *l, int64_t value) {
    if (l->count == l->room) {
        l->room = l->room ? 2 * l->room : 4096;
        if (!(l->values = realloc(l->values, l->room * sizeof *l->values))) die("realloc");
    }
    l->values[l->count++] = value;
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double us_at(struct latencies *l, double share) {
    if (!l->count) return 0;
    size_t at = share * l->count;
    return l->values[at < l->count ? at : l->count - 1] / 1e3;
}

static void failed(const char *why) { printf("{\"error\": \"%s\"}\n", why); }

static int begin_client(struct client *c, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1;
    memset(c, 0, sizeof *c);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) return -1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    c->since = now_ns();
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) {
        close(c->fd);
        c->fd = -1;
        return -1;
    }
    watch(epoll, EPOLL_CTL_ADD, c->fd, EPOLLOUT, c);
    return 0;
}

static void end_client(struct client *c) {
    if (c->fd < 0) return;
    watch(epoll, EPOLL_CTL_DEL, c->fd, 0, NULL);
    close(c->fd);
    c->fd = -1;
}

static void end_clients(struct client *clients, int count) {
    for (int i = 0; i < count; i++) end_client(&clients[i]);
    free(clients);
}

/* Whether the connection is up after EPOLLOUT; then it is watched for what it says. */
static int is_up(struct client *c, uint32_t then) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) return 0;
    c->is_connected = 1;
    watch(epoll, EPOLL_CTL_MOD, c->fd, then, c);
    return 1;
}

/* Small things only: a socket that has room for nothing is as good as broken. */
static int ask(struct client *c, const char *data, size_t count, size_t wanted) {
    c->got = 0;
    c->wanted = wanted;
    return send(c->fd, data, count, MSG_NOSIGNAL) == (ssize_t)count;
}

/* 1: the whole answer is here; 0: not yet; -1: the connection is gone. */
static int hear(struct client *c) {
    ssize_t count = recv(c->fd, scratch, sizeof scratch, 0);
    if (count < 0 && would_block()) return 0;
    if (count <= 0 || c->got + count > c->wanted) return -1;
    c->got += count;
    if (c->got < c->wanted) return 0;
    c->wanted = 0;
    return 1;
}

static struct client *begin_clients(int count, int port) {
    struct client *clients = calloc(count, sizeof *clients);
    if (!clients) die("calloc");
    for (int i = 0; i < count; i++) clients[i].fd = -1;
    for (int i = 0; i < count; i++)
        if (begin_client(&clients[i], port)) {
            end_clients(clients, count);
            failed("cannot connect");
            return NULL;
        }
    return clients;
}

static void mark(const char *word) {
    puts(word);
    fflush(stdout);
}

static void stream(int is_up_stream, int count, int port, int warm_ms, int measure_ms) {
    long long base = atomic_load(&taken), got = 0, at_begin = 0;
    int heard = 0, was_takers = atomic_load(&takers);
    struct client *clients = begin_clients(count, port);
    if (!clients) return;
    int64_t start = now_ns(), begin = 0, end = 0;
    for (;;) {
        int64_t now = now_ns();
        long long so_far = is_up_stream ? atomic_load(&taken) - base : got;
        int ready = is_up_stream ? atomic_load(&takers) - was_takers >= count : heard >= count;
        if (!begin && !ready) {
            if (now - start > DEADLINE_NS) { failed("not every stream was set up in 20 s"); break; }
        } else if (!begin) {
            begin = now + warm_ms * MS;
        } else if (!end && now >= begin) {
            at_begin = so_far;
            begin = now;
            end = now + measure_ms * MS;
            mark("begin");
        } else if (end && now >= end) {
            mark("end");
            printf("{\"bytes\": %lld, \"elapsed_ns\": %lld}\n", so_far - at_begin, (long long)(now - begin));
            break;
        }
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, 1);
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            if (!c->is_connected) {
                if (!is_up(c, is_up_stream ? EPOLLOUT : EPOLLIN) || !ask(c, is_up_stream ? "U" : "D", 1, 0)) goto broken;
                continue;
            }
            ssize_t moved = is_up_stream ? send(c->fd, block, BLOCK, MSG_NOSIGNAL) : recv(c->fd, scratch, sizeof scratch, 0);
            if (moved < 0 && would_block()) continue;
            if (moved <= 0) goto broken;
            if (!c->got && !is_up_stream) heard++;
            c->got = 1;
            got += moved;
        }
    }
    end_clients(clients, count);
    return;
broken:
    failed("a stream ended");
    end_clients(clients, count);
}

enum kind { PINGPONG, CONNECT, HTTP };

/* So many things under way at once, each followed by the next. */
static void closed_loop(enum kind kind, int count, int port, int warm_ms, int measure_ms) {
    struct latencies l = {0};
    struct client *clients = begin_clients(count, port);
    if (!clients) return;
    int64_t start = now_ns(), begin = 0, end = 0, last = start;
    long failures = 0, up = 0, done = 0;
    if (kind == CONNECT) begin = start + warm_ms * MS;
    for (;;) {
        int64_t now = now_ns();
        if (!begin && up >= count) begin = now + warm_ms * MS;
        if (begin && !end && now >= begin) {
            begin = now;
            end = now + measure_ms * MS;
            failures = done = l.count = 0;
            mark("begin");
        } else if (end && now >= end) {
            mark("end");
            qsort(l.values, l.count, sizeof *l.values, by_value);
            printf("{\"count\": %zu, \"failures\": %ld, \"elapsed_ns\": %lld, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
                   l.count, failures, (long long)(now - begin), us_at(&l, 0.5), us_at(&l, 0.99));
            break;
        }
        if (now - last > DEADLINE_NS) { failed("nothing came back for 20 s"); break; }
        if (failures > MANY_FAILURES) { failed("more than a thousand connections failed"); break; }
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, 1);
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            if (c->fd < 0) continue;
            int heard = 0;
            if (!c->is_connected) {
                if (is_up(c, EPOLLIN) && (kind == HTTP ? ask(c, REQUEST, sizeof REQUEST - 1, sizeof RESPONSE - 1) : ask(c, "E", 1, 1))) continue;
                heard = -1;
            } else {
                heard = hear(c);
                if (!heard) continue;
                now = now_ns();
                if (heard > 0) last = now;
            }
            if (heard > 0 && kind == CONNECT) {
                note(&l, now - c->since);
                done++;
            } else if (heard > 0) {
                /* its first answer says that it has been through the whole path, and is not counted */
                if (c->has_answered) note(&l, now - c->since);
                else up++;
                c->has_answered = 1;
                c->since = now;
                if (kind == PINGPONG ? ask(c, block, PING, PING) : ask(c, REQUEST, sizeof REQUEST - 1, sizeof RESPONSE - 1)) continue;
                heard = -1;
            }
            if (heard < 0) failures++;
            end_client(c);
            if (heard < 0 && kind == PINGPONG) { failed("a stream ended"); goto over; }
            if (begin_client(c, port)) { failed("cannot connect"); goto over; }
        }
    }
over:
    free(l.values);
    end_clients(clients, count);
}

/* Requests at their times, whatever became of those before: a late one is late from when it was meant to go out. */
static void open_loop(int count, double rate, int port, int warm_ms, int measure_ms) {
    struct latencies l = {0};
    struct client *clients = begin_clients(count, port), **idle = calloc(count, sizeof *idle);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (!clients || !idle || timer < 0) { free(idle); if (timer >= 0) close(timer); return; }
    watch(epoll, EPOLL_CTL_ADD, timer, EPOLLIN, NULL);
    int64_t start = now_ns(), first = 0, interval = 1e9 / rate, begin = 0, last = 0;
    long idles = 0, next = 0, failures = 0, in_time = 0;
    int has_ended = 0;
    for (;;) {
        int64_t now = now_ns();
        if (!first && idles == count) {
            first = now;
            begin = first + warm_ms * MS;
            last = begin + measure_ms * MS;
        } else if (!first && now - start > DEADLINE_NS) { failed("not every connection was set up in 20 s"); break; }
        if (first && begin && now >= begin) { begin = 0; mark("begin"); }
        if (first && !has_ended && now >= last) { has_ended = 1; mark("end"); }
        while (first && idles && first + next * interval <= now && first + next * interval < last) {
            struct client *c = idle[--idles];
            c->since = first + next++ * interval;
            c->is_warming = c->since < last - measure_ms * MS;
            if (!ask(c, REQUEST, sizeof REQUEST - 1, sizeof RESPONSE - 1)) { failed("a connection ended"); goto over; }
        }
        int is_all_sent = first && first + next * interval >= last;
        if ((is_all_sent && idles == count) || (first && now > last + DRAIN_NS)) {
            long unfinished = 0;
            for (int i = 0; i < count; i++)
                if (clients[i].wanted && !clients[i].is_warming) { note(&l, now - clients[i].since); unfinished++; }
            for (; first + next * interval < last; next++)
                if (first + next * interval >= last - measure_ms * MS) { note(&l, now - (first + next * interval)); unfinished++; }
            if (!has_ended) mark("end");
            qsort(l.values, l.count, sizeof *l.values, by_value);
            printf("{\"count\": %zu, \"in_time\": %ld, \"unfinished\": %ld, \"failures\": %ld, \"elapsed_ns\": %lld, "
                   "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f}\n",
                   l.count, in_time, unfinished, failures, (long long)(measure_ms * MS), us_at(&l, 0.5), us_at(&l, 0.99), us_at(&l, 0.999));
            break;
        }
        if (first && !is_all_sent && idles) {
            int64_t due = first + next * interval;
            struct itimerspec at = {.it_value = {due / 1000000000, due % 1000000000}};
            timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
        }
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, 1);
        now = now_ns();
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            if (!c) {
                uint64_t times;
                if (read(timer, &times, sizeof times) < 0 && !would_block()) die("timer");
                continue;
            }
            if (!c->is_connected) {
                /* it has been through the path once before it counts as there */
                if (!is_up(c, EPOLLIN) || !ask(c, REQUEST, sizeof REQUEST - 1, sizeof RESPONSE - 1)) { failed("cannot connect"); goto over; }
                c->since = 0;
                continue;
            }
            int heard = hear(c);
            if (heard < 0) { failed("a connection ended"); goto over; }
            if (!heard) continue;
            if (c->since && !c->is_warming) {
                note(&l, now - c->since);
                if (now <= last) in_time++;
            }
            idle[idles++] = c;
        }
    }
over:
    watch(epoll, EPOLL_CTL_DEL, timer, 0, NULL);
    close(timer);
    free(idle);
    free(l.values);
    end_clients(clients, count);
}

static int wait_for(struct client *c, uint32_t what) {
    struct epoll_event event;
    watch(epoll, EPOLL_CTL_MOD, c->fd, what, c);
    return epoll_wait(epoll, &event, 1, 20000) == 1;
}

/* So many bytes to the far end and one back, over and over on one connection: at least three times. */
static void ladder(long long bytes, int port, int measure_ms) {
    struct latencies l = {0};
    struct client *clients = begin_clients(1, port), *c = clients;
    if (!clients) return;
    char head[9] = "L";
    for (int i = 0; i < 8; i++) head[1 + i] = (char)(bytes >> 8 * i);
    if (!wait_for(c, EPOLLOUT) || send(c->fd, "L", 1, MSG_NOSIGNAL) != 1) { failed("cannot connect"); goto over; }
    int64_t start = now_ns(), begin = 0;
    for (;;) {
        int64_t now = now_ns();
        if (l.count == 1 && !begin) { begin = now; mark("begin"); } /* the first one only warms up */
        if (begin && l.count > 3 && now - begin > measure_ms * MS) break;
        if (now - start > 3 * DEADLINE_NS) { failed("it took longer than a minute"); goto over; }
        int64_t since = now;
        long long left = bytes;
        if (!wait_for(c, EPOLLOUT) || send(c->fd, head + 1, 8, MSG_NOSIGNAL | MSG_MORE) != 8) { failed("the stream ended"); goto over; }
        while (left > 0) {
            ssize_t sent = send(c->fd, block, left < BLOCK ? left : BLOCK, MSG_NOSIGNAL);
            if (sent < 0 && would_block()) {
                if (wait_for(c, EPOLLOUT)) continue;
                sent = -1;
            }
            if (sent < 0) { failed("the stream ended"); goto over; }
            left -= sent;
        }
        c->wanted = 1, c->got = 0;
        if (!wait_for(c, EPOLLIN) || hear(c) != 1) { failed("no confirmation came"); goto over; }
        note(&l, now_ns() - since);
    }
    mark("end");
    l.values++, l.count--;
    qsort(l.values, l.count, sizeof *l.values, by_value);
    printf("{\"count\": %zu, \"bytes\": %lld, \"elapsed_ns\": %lld, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
           l.count, bytes * (long long)l.count, (long long)(now_ns() - begin), us_at(&l, 0.5), us_at(&l, 0.99));
    l.values--;
over:
    free(l.values);
    end_clients(clients, 1);
}

static struct client *held;
static int held_count;

/* Streams that have carried one byte each way, and stay. */
static void hold(int count, int port) {
    held = calloc(count, sizeof *held);
    if (!held) die("calloc");
    for (int i = 0; i < count; i++) held[i].fd = -1;
    held_count = count;
    int begun = 0, done = 0;
    int64_t last = now_ns();
    while (done < count) {
        while (begun < count && begun - done < AT_ONCE)
            if (begin_client(&held[begun++], port)) { failed("cannot connect"); return; }
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, 1000);
        if (n > 0) last = now_ns();
        else if (now_ns() - last > DEADLINE_NS) { failed("not every stream was set up: nothing came back for 20 s"); return; }
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            if (!c->is_connected) {
                if (!is_up(c, EPOLLIN) || !ask(c, "E", 1, 1)) { failed("cannot connect"); return; }
            } else {
                int heard = hear(c);
                if (heard < 0) { failed("a stream ended"); return; }
                done += heard;
            }
        }
    }
    printf("{\"count\": %d}\n", done);
}

int main(void) {
    static char line[256];
    struct rlimit limit;
    int yes = 1;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 0; i < BLOCK; i++) block[i] = (char)(i * 31);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        die("cannot listen");
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, &listener)) die("pthread_create");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    printf("ready: listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        char direction[8];
        int count, port, warm, measure;
        long long bytes;
        double rate;
        if (sscanf(line, "stream %7s %d %d %d %d", direction, &count, &port, &warm, &measure) == 5)
            stream(!strcmp(direction, "up"), count, port, warm, measure);
        else if (sscanf(line, "pingpong %d %d %d %d", &count, &port, &warm, &measure) == 4)
            closed_loop(PINGPONG, count, port, warm, measure);
        else if (sscanf(line, "connect %d %d %d %d", &count, &port, &warm, &measure) == 4)
            closed_loop(CONNECT, count, port, warm, measure);
        else if (sscanf(line, "http %d %d %d %d", &count, &port, &warm, &measure) == 4)
            closed_loop(HTTP, count, port, warm, measure);
        else if (sscanf(line, "open %d %lf %d %d %d", &count, &rate, &port, &warm, &measure) == 5)
            open_loop(count, rate, port, warm, measure);
        else if (sscanf(line, "ladder %lld %d %d", &bytes, &port, &measure) == 3)
            ladder(bytes, port, measure);
        else if (sscanf(line, "idle %d %d", &count, &port) == 2 && !held)
            hold(count, port);
        else if (!strncmp(line, "release", 7)) {
            end_clients(held, held_count);
            held = NULL;
            held_count = 0;
            printf("{\"count\": 0}\n");
        } else
            failed("unknown command");
        fflush(stdout);
    }
    return 0;
}

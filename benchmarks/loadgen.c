/* A load generator for WebSocket servers: one thread, epoll, no dependency. It stands on the other core, and costs a few
 * microseconds per handshake, so that the server is what is measured.
 *
 *   loadgen PORT REQUESTS COUNT IN_FLIGHT [hold | echo MESSAGES]
 *
 * REQUESTS is a file of complete HTTP requests, each followed by a NUL byte; the handshakes take turns with them. COUNT
 * handshakes are made, never more than IN_FLIGHT at a time, and each is closed as soon as it is answered, unless
 *   hold: all stay open; a line {"opened": ...} says so, and the server is to close them;
 *   echo: each sends MESSAGES texts first, one after the other's echo.
 * The result is a line of JSON. Times are seconds of CLOCK_MONOTONIC, so that other processes can compare them.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 4096, PATIENCE = 60 };                 /* bytes of an answer; seconds without any progress */
enum state { FREE, ASKING, OPEN, CLOSING };
enum mode { STORM, HOLD, ECHO };

struct connection {
    int fd;
    enum state state;
    int messages_left;
    size_t have;
    unsigned char buffer[BUFFER];
    double began;
};

static struct { char *text; size_t length; } *requests;
static long request_count, request_turn;
static struct connection *connections;
static long *unused, unused_count;                     /* a stack of free connections */
static int epoll, port;
static enum mode mode;
static int messages;
static long goal, started, answered, accepted, refused, failed, ended, echoed, open_now;
static double first_close, last_close, slowest, waited;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
    fprintf(stderr, "loadgen: %s: %s\n", what, errno ? strerror(errno) : "wrong");
    exit(1);
}

static void read_requests(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getdelim(&line, &room, 0, file)) > 1) {
        requests = realloc(requests, (request_count + 1) * sizeof *requests);
        requests[request_count].text = strdup(line);
        requests[request_count++].length = (size_t)length - 1;
    }
    free(line);
    fclose(file);
    if (!request_count) die("no requests");
}

static void finish(struct connection *c, long *counter) {
    if (c->state == OPEN || c->state == CLOSING) open_now--;
    close(c->fd);
    c->state = FREE;
    unused[unused_count++] = c - connections;
    ended++;
    (*counter)++;
}

static void start(void) {
    struct connection *c = &connections[unused[--unused_count]];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int yes = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    started++;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0) die("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    /* Blocking: on loopback the kernel answers at once, and the request fits the socket's buffer. */
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) die("connect");
    c->state = ASKING;
    c->have = 0;
    c->messages_left = messages;
    c->began = now();
    long turn = request_turn++ % request_count;
    if (send(c->fd, requests[turn].text, requests[turn].length, MSG_NOSIGNAL) < 0) {
        finish(c, &failed);
        return;
    }
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event)) die("epoll_ctl");
}

/* Client frames are masked (RFC 6455, 5.3); the mask may as well be zero here. */
static int send_frame(struct connection *c, unsigned char opcode, const char *payload, unsigned char length) {
    unsigned char frame[131] = {0x80 | opcode, 0x80 | length, 0, 0, 0, 0};
    memcpy(frame + 6, payload, length);
    return send(c->fd, frame, 6 + (size_t)length, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static void leave(struct connection *c) {
    c->state = CLOSING;
    if (send_frame(c, 8, "\x03\xe8", 2)) finish(c, &failed);
}

static void say(struct connection *c) {
    if (c->messages_left-- <= 0) leave(c);
    else if (send_frame(c, 1, "{\"type\":\"hello\"}", 16)) finish(c, &failed);
}

static void note_close(void) {
    last_close = now();
    if (first_close == 0) first_close = last_close;
}

/* Take one server frame from the buffer. Returns its length, 0 where it is not complete. */
static size_t frame_length(struct connection *c) {
    if (c->have < 2) return 0;
    size_t length = c->buffer[1] & 0x7f, head = 2;
    if (length == 127) die("a frame too long");
    if (length == 126) {
        if (c->have < 4) return 0;
        length = (size_t)c->buffer[2] << 8 | c->buffer[3];
        head = 4;
    }
    return c->have < head + length ? 0 : head + length;
}

/* Returns whether the connection is still there. */
static int take_frames(struct connection *c) {
    size_t length;
    while ((length = frame_length(c))) {
        unsigned char opcode = c->buffer[0] & 0x0f, payload = c->buffer[1] & 0x7f;
        if (opcode == 9 && payload < 126) send_frame(c, 10, (char *)c->buffer + 2, payload);
        memmove(c->buffer, c->buffer + length, c->have -= length);
        if (opcode == 8) {
            if (c->state == OPEN) {                    /* the server's: answer it, as RFC 6455 7.1.1 asks */
                note_close();
                send_frame(c, 8, "\x03\xe8", 2);
            }
            finish(c, &accepted);
            return 0;
        }
        if (opcode == 1 && mode == ECHO && c->state == OPEN) {
            echoed++;
            say(c);
            if (c->state == FREE) return 0;
        }
    }
    return 1;
}

static void take_answer(struct connection *c) {
    unsigned char *end = memmem(c->buffer, c->have, "\r\n\r\n", 4);
    if (!end) return;
    double took = now() - c->began;
    waited += took;
    if (took > slowest) slowest = took;
    answered++;
    if (memcmp(c->buffer, "HTTP/1.1 101", 12)) {
        finish(c, &refused);
        return;
    }
    size_t head = (size_t)(end + 4 - c->buffer);
    memmove(c->buffer, c->buffer + head, c->have -= head);
    c->state = OPEN;
    open_now++;
    if (mode == STORM) leave(c);
    else if (mode == ECHO) say(c);
    if (c->state != FREE) take_frames(c);
}

static void readable(struct connection *c) {
    if (c->have == BUFFER) die("an answer too long");
    ssize_t got = recv(c->fd, c->buffer + c->have, BUFFER - c->have, 0);
    if (got <= 0) {
        if (c->state == OPEN) note_close();
        finish(c, c->state == ASKING ? &failed : &accepted);
        return;
    }
    c->have += (size_t)got;
    if (c->state == ASKING) take_answer(c);
    else take_frames(c);
}

static double cpu(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void run(long at_once) {
    struct epoll_event events[256];
    int told = 0;
    while (ended < goal) {
        while (started < goal && unused_count && started - (mode == HOLD ? answered + failed : ended) < at_once) start();
        if (mode == HOLD && !told && answered + failed == goal) {
            told = 1;
            printf("{\"opened\": %ld, \"at\": %.6f}\n", open_now, now());
            fflush(stdout);
        }
        int ready = epoll_wait(epoll, events, 256, PATIENCE * 1000);
        if (ready == 0) die("nothing happens any more");
        for (int i = 0; i < ready; i++) readable(events[i].data.ptr);
    }
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: loadgen PORT REQUESTS COUNT IN_FLIGHT [hold | echo MESSAGES]\n");
        return 2;
    }
    port = atoi(argv[1]);
    read_requests(argv[2]);
    goal = atol(argv[3]);
    long at_once = atol(argv[4]);
    if (argc > 5) mode = strcmp(argv[5], "hold") ? ECHO : HOLD;
    if (mode == ECHO) messages = argc > 6 ? atoi(argv[6]) : 1;
    long room = mode == HOLD ? goal : at_once;
    connections = calloc((size_t)room, sizeof *connections);
    unused = calloc((size_t)room, sizeof *unused);
    if (!connections || !unused) die("memory");
    while (unused_count < room) unused[unused_count] = room - 1 - unused_count, unused_count++;
    epoll = epoll_create1(0);
    double began = now();
    run(at_once);
    printf("{\"count\": %ld, \"accepted\": %ld, \"refused\": %ld, \"failed\": %ld, \"echoed\": %ld, \"seconds\": %.6f, "
           "\"mean\": %.9f, \"slowest\": %.6f, \"first_close\": %.6f, \"last_close\": %.6f, \"cpu\": %.6f}\n",
           goal, accepted, refused, failed, echoed, now() - began, answered ? waited / answered : 0, slowest,
           first_close, last_close, cpu());
    return 0;
}

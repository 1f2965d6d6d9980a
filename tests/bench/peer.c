/* A STARTTLS peer with raw OpenSSL and epoll: cheap enough that a bench measures the client.
 *
 *     peer PORT PROCESSES DELAY_MS CHAIN.pem KEY.pem
 *
 * It listens on every IPv4 address, answers each step after DELAY_MS, and prints "ready" once. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum state { GREET, PLAIN, SHAKE, SECURE };
struct visit {
    int fd;
    enum state state;
    SSL *ssl;
    double due;
    struct visit *next;
};

static SSL_CTX *ctx;
static int queue_fd, delay_ms;
static struct visit *first, *last;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void finish(struct visit *v) {
    if (v->ssl) SSL_free(v->ssl);
    close(v->fd);
    free(v);
}

static int say(struct visit *v, const char *text) {
    int size = (int)strlen(text);
    return (v->state == SECURE ? SSL_write(v->ssl, text, size) : (int)write(v->fd, text, size)) == size;
}

static int command(struct visit *v, const char *line) {
    if (!strncasecmp(line, "EHLO", 4))
        return say(v, v->state == SECURE ? "250-peer\r\n250 SIZE\r\n" : "250-peer\r\n250-SIZE\r\n250 STARTTLS\r\n");
    if (!strncasecmp(line, "STARTTLS", 8)) {
        if (!say(v, "220 go\r\n")) return 0;
        v->ssl = SSL_new(ctx);
        SSL_set_fd(v->ssl, v->fd);
        v->state = SHAKE;
        return 1;
    }
    say(v, "221 bye\r\n");
    return 0;
}

/* One step of a visit; 0 ends it. */
static int step(struct visit *v) {
    char line[2048];
    int size;
    if (v->state == GREET) {
        v->state = PLAIN;
        return say(v, "220 peer ESMTP\r\n");
    }
    if (v->state == SHAKE) {
        int done = SSL_accept(v->ssl);
        if (done == 1) {
            v->state = SECURE;
            if (!SSL_has_pending(v->ssl)) return 1;
        } else
            return SSL_get_error(v->ssl, done) == SSL_ERROR_WANT_READ;
    }
    size = v->state == SECURE ? SSL_read(v->ssl, line, sizeof line - 1) : (int)read(v->fd, line, sizeof line - 1);
    if (size <= 0) return v->state == SECURE && SSL_get_error(v->ssl, size) == SSL_ERROR_WANT_READ;
    line[size] = 0;
    return command(v, line);
}

static void later(struct visit *v) {
    v->due = now() + delay_ms / 1e3;
    v->next = NULL;
    if (last) last->next = v; else first = v;
    last = v;
}

static void arm(struct visit *v, int op) {
    struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = v};
    epoll_ctl(queue_fd, op, v->fd, &e);
}

static void move(struct visit *v) {
    if (step(v)) arm(v, EPOLL_CTL_MOD); else finish(v);
}

static int open_door(int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int yes = 1, door = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    setsockopt(door, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
    setsockopt(door, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (bind(door, (void *)&at, sizeof at) || listen(door, 4096)) { perror("listen"); exit(1); }
    return door;
}

static void serve(int door) {
    struct epoll_event events[256], e = {.events = EPOLLIN};
    int yes = 1;
    queue_fd = epoll_create1(0);
    epoll_ctl(queue_fd, EPOLL_CTL_ADD, door, &e);
    for (;;) {
        int wait = first ? (int)((first->due - now()) * 1000) + 1 : -1;
        int count = epoll_wait(queue_fd, events, 256, first && wait < 0 ? 0 : wait);
        for (int i = 0; i < count; i++) {
            struct visit *v = events[i].data.ptr;
            if (v) { if (delay_ms) later(v); else move(v); continue; }
            for (int fd; (fd = accept4(door, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
                v = calloc(1, sizeof *v);
                v->fd = fd;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                struct epoll_event idle = {.events = 0, .data.ptr = v};
                epoll_ctl(queue_fd, EPOLL_CTL_ADD, fd, &idle);
                if (delay_ms) later(v); else move(v);
            }
        }
        for (double t = now(); first && first->due <= t;) {
            struct visit *v = first;
            if (!(first = v->next)) last = NULL;
            move(v);
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    signal(SIGPIPE, SIG_IGN);
    delay_ms = atoi(argv[3]);
    ctx = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(ctx, argv[4]) != 1 || SSL_CTX_use_PrivateKey_file(ctx, argv[5], 1) != 1)
        return 1;
    SSL_CTX_set_num_tickets(ctx, 2);
    for (int i = 0; i < atoi(argv[2]); i++) {
        int door = open_door(atoi(argv[1]));
        if (!fork()) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve(door);
        }
        close(door);
    }
    puts("ready");
    fflush(stdout);
    while (wait(NULL) > 0) {}
    return 0;
}

/* What a C client makes of it with raw OpenSSL: the same dialogue with each address of standard input, and nothing else.
 *
 *     client PORT PROCESSES
 *
 * Each process takes its share of the addresses one after the other; prints the number of handshakes and the seconds. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static SSL_CTX *ctx;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int ask(int fd, SSL *ssl, const char *line) {
    char answer[4096];
    if (*line && (ssl ? SSL_write(ssl, line, strlen(line)) : (int)write(fd, line, strlen(line))) <= 0) return 0;
    return (ssl ? SSL_read(ssl, answer, sizeof answer) : (int)read(fd, answer, sizeof answer)) > 0;
}

static int visit(const char *address, int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), good = 0;
    SSL *ssl = NULL;
    inet_pton(AF_INET, address, &to.sin_addr);
    if (!connect(fd, (void *)&to, sizeof to) && ask(fd, NULL, "") && ask(fd, NULL, "EHLO client.example\r\n") &&
        ask(fd, NULL, "STARTTLS\r\n")) {
        ssl = SSL_new(ctx);
        SSL_set_fd(ssl, fd);
        good = SSL_connect(ssl) == 1 && ask(fd, ssl, "EHLO client.example\r\n") && ask(fd, ssl, "QUIT\r\n");
        SSL_free(ssl);
    }
    close(fd);
    return good;
}

int main(int argc, char **argv) {
    static char addresses[100000][16];
    int count = 0, processes, done[2], total = 0, part;
    double begun;
    if (argc != 3) return 2;
    processes = atoi(argv[2]);
    while (count < 100000 && scanf("%15s", addresses[count]) == 1) count++;
    ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    if (pipe(done)) return 1;
    begun = now();
    for (int p = 0; p < processes; p++)
        if (!fork()) {
            part = 0;
            for (int i = p; i < count; i += processes) part += visit(addresses[i], atoi(argv[1]));
            return write(done[1], &part, sizeof part) != sizeof part;
        }
    for (int p = 0; p < processes; p++)
        if (read(done[0], &part, sizeof part) == sizeof part) total += part;
    printf("%d %.3f\n", total, now() - begun);
    while (wait(NULL) > 0) {}
    return 0;
}

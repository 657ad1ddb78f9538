// receiver: the least that parallel ranges cost. Fetches a file over N connections, one range each, writes what comes where it
// belongs, and does nothing else: no sum, no journal, no retry. gcc -O2 -pthread receiver.c -o receiver
// usage: receiver PORT PATH OUT SIZE CONNECTIONS [sync]
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 256 * 1024 };

static int port, out;
static const char *path;

struct range { off_t first, end; };

static void die(const char *what) { perror(what); exit(1); }

static void *receive(void *argument) {
    struct range range = *(struct range *)argument;
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(s, (void *)&to, sizeof to)) die("connect");
    char *buffer = malloc(BUFFER + 1);
    int length = snprintf(buffer, BUFFER, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=%lld-%lld\r\nConnection: close\r\n\r\n", path,
                          (long long)range.first, (long long)range.end - 1);
    if (write(s, buffer, length) != length) die("request");
    // The headers, up to the empty line; what follows it is the first of the body.
    size_t have = 0;
    char *body;
    do {
        ssize_t got = recv(s, buffer + have, BUFFER - have, 0);
        if (got <= 0) die("headers");
        have += got;
        buffer[have] = 0;
    } while (!(body = strstr(buffer, "\r\n\r\n")));
    if (strncmp(buffer, "HTTP/1.1 206", 12)) { fprintf(stderr, "%.40s\n", buffer); exit(1); }
    body += 4;
    have -= body - buffer;
    memmove(buffer, body, have);
    for (off_t at = range.first; at < range.end;) {
        // Whole buffers, as few writes as can be.
        while (have < BUFFER && at + (off_t)have < range.end) {
            ssize_t got = recv(s, buffer + have, BUFFER - have, 0);
            if (got <= 0) die("body");
            have += got;
        }
        if (pwrite(out, buffer, have, at) != (ssize_t)have) die("write");
        at += have;
        have = 0;
    }
    close(s);
    free(buffer);
    return 0;
}

int main(int count, char **words) {
    if (count < 6) { fprintf(stderr, "receiver PORT PATH OUT SIZE CONNECTIONS [sync]\n"); return 2; }
    port = atoi(words[1]);
    path = words[2];
    off_t size = atoll(words[4]);
    int connections = atoi(words[5]);
    out = open(words[3], O_CREAT | O_TRUNC | O_WRONLY, 0644);
    if (out < 0) die(words[3]);
    if (fallocate(out, 0, 0, size) && ftruncate(out, size)) die("allocate");
    pthread_t threads[connections];
    struct range ranges[connections];
    for (int i = 0; i < connections; i++) {
        ranges[i] = (struct range){ size / connections * i, i == connections - 1 ? size : size / connections * (i + 1) };
        if (pthread_create(&threads[i], 0, receive, &ranges[i])) die("thread");
    }
    for (int i = 0; i < connections; i++) pthread_join(threads[i], 0);
    if (count > 6 && fsync(out)) die("fsync");
    return 0;
}

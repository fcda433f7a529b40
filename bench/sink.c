/* Fetches one URL over loopback and throws the bytes away: the same reader for every server.
 *
 *   sink PORT CONNECTIONS REQUESTS MOST TARGET [RANGE]
 *
 * Each connection asks for TARGET REQUESTS times, one after the other, and stops early once it
 * has read MOST bytes of bodies. Prints a line for each connection: bytes of bodies, nanoseconds
 * from the first request of all to its own last byte. With RANGE, as in `bytes=0-7`, it asks for
 * these bytes only. Understands what it needs and no more: status 200, or 206 for a range, with a
 * Content-Length.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 64, HEAD_BYTES = 8192, BUFFER_BYTES = 1 << 17, MOST_SECONDS = 300 };

struct reader {
    long long left;   /* bytes of the body still to come; -1 while the head is read */
    long long bytes;  /* of bodies, so far */
    long long finish; /* nanoseconds */
    long requests;    /* still to be answered */
    size_t head_size;
    char head[HEAD_BYTES + 1];
};

static char buffer[BUFFER_BYTES], request[HEAD_BYTES];
static const char *expected = "HTTP/1.1 200";
static struct reader readers[MOST_CONNECTIONS];
static struct pollfd sockets[MOST_CONNECTIONS];

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int connected(int port)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        err(1, "cannot connect to port %d", port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void ask(int fd, struct reader *reader)
{
    size_t size = strlen(request);
    if (write(fd, request, size) != (ssize_t)size)
        err(1, "cannot ask");
    reader->left = -1;
    reader->head_size = 0;
}

/* The length that a head announces. */
static long long length_of(const char *head)
{
    if (strncmp(head, expected, strlen(expected)) != 0)
        errx(1, "answered %.40s", head);
    for (const char *line = head; (line = strstr(line, "\r\n")) != NULL;) {
        line += 2;
        if (strncasecmp(line, "content-length:", 15) == 0)
            return atoll(line + 15);
    }
    errx(1, "an answer without Content-Length");
}

/* Takes what belongs to the head; the number of bytes taken. */
static size_t take_head(struct reader *reader, size_t size)
{
    size_t before = reader->head_size, room = HEAD_BYTES - before;
    size_t copied = size < room ? size : room;
    memcpy(reader->head + before, buffer, copied);
    reader->head[before + copied] = '\0';
    char *end = strstr(reader->head, "\r\n\r\n");
    if (end == NULL) {
        if (copied == room)
            errx(1, "a head of more than %d bytes", HEAD_BYTES);
        reader->head_size += copied;
        return copied;
    }
    reader->left = length_of(reader->head);
    return (size_t)(end + 4 - reader->head) - before;
}

/* One read; false once the connection has nothing more to do. */
static int step(int fd, struct reader *reader, long long most)
{
    ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0)
        errx(1, "the server hung up after %lld bytes", reader->bytes);
    if (reader->left < 0)
        got -= (ssize_t)take_head(reader, (size_t)got);
    if (reader->left < 0)
        return 1;
    reader->left -= got;
    reader->bytes += got;
    if (reader->left < 0)
        errx(1, "more bytes than announced");
    if (reader->bytes >= most)
        return 0;
    if (reader->left > 0)
        return 1;
    if (--reader->requests == 0)
        return 0;
    ask(fd, reader);
    return 1;
}

int main(int count, char **words)
{
    if (count != 6 && count != 7)
        errx(2, "usage: sink PORT CONNECTIONS REQUESTS MOST TARGET [RANGE]");
    int port = atoi(words[1]), connections = atoi(words[2]), open = connections;
    long long most = atoll(words[4]);
    if (connections < 1 || connections > MOST_CONNECTIONS)
        errx(2, "from 1 to %d connections", MOST_CONNECTIONS);
    alarm(MOST_SECONDS);
    int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", words[5]);
    if (count == 7) {
        expected = "HTTP/1.1 206";
        size += snprintf(request + size, sizeof request - size, "Range: %s\r\n", words[6]);
    }
    snprintf(request + size, sizeof request - size, "\r\n");
    for (int i = 0; i < connections; i++) {
        sockets[i] = (struct pollfd){.fd = connected(port), .events = POLLIN};
        readers[i].requests = atol(words[3]);
    }
    long long start = now();
    for (int i = 0; i < connections; i++)
        ask(sockets[i].fd, &readers[i]);
    while (open > 0) {
        if (poll(sockets, (nfds_t)connections, -1) < 0)
            err(1, "poll");
        for (int i = 0; i < connections; i++) {
            if (sockets[i].revents == 0 || step(sockets[i].fd, &readers[i], most))
                continue;
            readers[i].finish = now();
            close(sockets[i].fd);
            sockets[i].fd = -1; /* poll passes over it */
            open--;
        }
    }
    for (int i = 0; i < connections; i++)
        printf("%lld %lld\n", readers[i].bytes, readers[i].finish - start);
    return 0;
}

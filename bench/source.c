/* Answers GET /BYTES with that many bytes from one piece of memory: what the sink can read at most.
 *
 *   source PORT
 *
 * One connection at a time, until a signal ends it.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_BYTES = 8192, BUFFER_BYTES = 1 << 20, MOST_SECONDS = 900 };

static char buffer[BUFFER_BYTES], request[REQUEST_BYTES + 1];

static int listening(int port)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 8) < 0)
        err(1, "cannot listen on port %d", port);
    return fd;
}

/* False when the client has left. */
static int heard(int fd)
{
    size_t size = 0;
    do {
        ssize_t got = read(fd, request + size, REQUEST_BYTES - size);
        if (got <= 0)
            return 0;
        size += (size_t)got;
        request[size] = '\0';
    } while (strstr(request, "\r\n\r\n") == NULL);
    return 1;
}

static void answer(int fd)
{
    long long left = atoll(request + strlen("GET /"));
    dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n", left);
    while (left > 0) {
        ssize_t sent = write(fd, buffer, left < BUFFER_BYTES ? (size_t)left : BUFFER_BYTES);
        if (sent <= 0)
            return;
        left -= sent;
    }
}

int main(int count, char **words)
{
    if (count != 2)
        errx(2, "usage: source PORT");
    int listener = listening(atoi(words[1]));
    alarm(MOST_SECONDS);
    signal(SIGPIPE, SIG_IGN);
    memset(buffer, 'w', sizeof buffer);
    for (;;) {
        int one = 1, fd = accept(listener, NULL, NULL);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        while (fd >= 0 && heard(fd))
            answer(fd);
        close(fd);
    }
}

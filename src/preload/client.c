/* SPDX-License-Identifier: ISC */
/*
 * The hook of libproxyproto_connect.so: a header in front of what a client
 * sends.
 */
#include <config.h>

#include "configuration.h"
#include "header.h"
#include "log.h"
#include "real.h"
#include "send.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

/* For a connect that a signal interrupted, in milliseconds. */
#define INTERRUPTED_MS 1000

/* Did the kernel take the address, and begin to connect or end it? */
static bool is_begun(int result, int error)
{
	return result == 0 || error == EINPROGRESS || error == EALREADY ||
	       error == EINTR;
}

/*
 * Is it a TCP socket's connect to an internet address? Only to be asked of one
 * that is begun: what the kernel has not read may lie anywhere.
 */
static bool is_ours(int fd, const struct sockaddr *address, socklen_t length)
{
	return address != NULL && length >= sizeof(address->sa_family) &&
	       pp_family_is_internet(address->sa_family) &&
	       pp_is_tcp_socket(fd);
}

/*
 * PROVISIONAL: a connect that goes on behind the program's back is waited for
 * here, up to so many milliseconds, -1 until the kernel ends the attempt. The
 * socket stays as it is. True when the connection stands; otherwise its error
 * is left for the program to fetch.
 */
static bool wait_connected(int fd, int timeout)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	int ready;

	do
		ready = poll(&poll_fd, 1, timeout);
	while (ready < 0 && errno == EINTR);
	return ready == 1 &&
	       !(poll_fd.revents & (POLLERR | POLLHUP | POLLNVAL));
}

/* Does one that is begun stand, now or after a wait that harms nobody? */
static bool is_connected(int fd, int result, int error)
{
	if (result == 0)
		return true;
	/* a signal may be the program's own way to a timeout */
	if (error == EINTR)
		return wait_connected(fd, INTERRUPTED_MS);
	/* a blocking socket's means that SO_SNDTIMEO has run out */
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) && wait_connected(fd, -1);
}

static void send_header(int fd, const struct sockaddr *address,
			socklen_t address_length)
{
	const struct pp_settings *settings = pp_configuration();
	char from[PP_ADDRESS_TEXT], to[PP_ADDRESS_TEXT];
	struct sockaddr_storage name;
	socklen_t name_length = sizeof(name);
	uint8_t bytes[PP_FORMAT_MAX];
	union pp_address destination;
	size_t length;
	int error;

	if (getpeername(fd, (struct sockaddr *)&name, &name_length) == 0) {
		if (!pp_send_is_first(fd))
			return;
		pp_address_from_kernel(&destination, (struct sockaddr *)&name,
				       name_length);
	} else {
		/*
		 * TCP_FASTOPEN_CONNECT: it connects when something is sent.
		 * Until then the kernel's counters have no meaning.
		 */
		pp_address_from_kernel(&destination, address, address_length);
	}
	length = pp_header_format(settings->send_version, &settings->source,
				  &destination, bytes, sizeof(bytes));
	error = pp_send_whole(fd, bytes, length);
	if (settings->debug)
		pp_log(pp_library,
		       "connect: fd %d: v%u header of %zu bytes: client %s, "
		       "destination %s: %s",
		       fd, settings->send_version, length,
		       pp_address_text(&settings->source, from, sizeof(from)),
		       pp_address_text(&destination, to, sizeof(to)),
		       error == 0 ? "sent" : strerror(-error));
}

/* Sends the header if there is a connection to send it on. */
static void follow(int fd, const struct sockaddr *address, socklen_t length,
		   int result, int error)
{
	int state;

	if (pp_configuration()->send_version == 0 || !is_begun(result, error) ||
	    !is_ours(fd, address, length))
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (is_connected(fd, result, error))
		send_header(fd, address, length);
	pthread_setcancelstate(state, NULL);
}

PP_EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	int before = errno;
	int result, error;

	if (!pp_configuration_is_valid() && pp_is_tcp_socket(fd) &&
	    !pp_configuration_allows(fd)) {
		errno = EINVAL;
		return -1;
	}
	result = real_connect(fd, address, length);
	error = result == 0 ? before : errno;
	follow(fd, address, length, result, error);
	errno = error;
	return result;
}

/* SPDX-License-Identifier: ISC */
/* Knocks; see knock.h. */
#include <config.h>

#include "supervisor/knock.h"

#include "supervisor/held_connections.h"
#include "supervisor/listeners.h"
#include "supervisor/process_settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* In milliseconds; the latter for want of descriptors, memory or ports. */
#define SOON 10
#define LATER 100

/* So many may be lost to sockets beside (SO_REUSEPORT), or to processes. */
#define VAIN 8

static struct pp_listener *first;

static void knock_moved(struct pp_event *event, uint32_t events);
static void knock_expired(struct pp_timer *timer);

void pp_knock_begin(struct pp_knock *knock)
{
	knock->fd = -1;
	knock->moved.ready = knock_moved;
	knock->later.expired = knock_expired;
}

/*
 * The address that the connection which is ready was made to, which the kernel
 * finds the same listener by. False where that may not be this machine's.
 */
static bool target_of_ready(const struct pp_listener *listener,
			    union pp_address *target)
{
	const int fd = listener->first_ready->receive.fd;
	socklen_t length = sizeof(*target), size = sizeof(int);
	int transparent = 0;

	if (listener->address.sa.sa_family == AF_INET)
		getsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &transparent, &size);
	else
		getsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &transparent,
			   &size);
	return !transparent && getsockname(fd, &target->sa, &length) == 0;
}

/* Where to connect to reach the listener from its own machine. */
static void target_of(const struct pp_listener *listener,
		      union pp_address *target)
{
	*target = listener->address;
	if (target->sa.sa_family == AF_INET &&
	    target->in.sin_addr.s_addr == htonl(INADDR_ANY))
		target->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (target->sa.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&target->in6.sin6_addr))
		target->in6.sin6_addr = in6addr_loopback;
}

/* The same where there is no IPv6. False where it is another address. */
static bool target_mapped(const struct pp_listener *listener,
			  union pp_address *target)
{
	if (listener->address.sa.sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_UNSPECIFIED(&listener->address.in6.sin6_addr))
		return false;
	memset(target, 0, sizeof(*target));
	target->in.sin_family = AF_INET;
	target->in.sin_port = listener->address.in6.sin6_port;
	target->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return true;
}

/* Ends it by a reset, so that nothing of it stays in the kernel. */
static void close_knock(struct pp_listener *listener)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };
	struct pp_listener **at = &first;

	setsockopt(listener->knock.fd, SOL_SOCKET, SO_LINGER, &now,
		   sizeof(now));
	/* a child may still have it, too */
	pp_loop_remove(listener->knock.fd);
	close(listener->knock.fd);
	listener->knock.fd = -1;
	while (*at != listener)
		at = &(*at)->knock.next;
	*at = listener->knock.next;
}

static int open_socket(int family)
{
	return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* A message that has room for a descriptor. */
struct passing {
	struct msghdr message;
	struct iovec part;
	char byte;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
};

static void make_passing(struct passing *passing)
{
	memset(passing, 0, sizeof(*passing));
	passing->part = (struct iovec){ &passing->byte, 1 };
	passing->message.msg_iov = &passing->part;
	passing->message.msg_iovlen = 1;
	passing->message.msg_control = passing->control.bytes;
	passing->message.msg_controllen = sizeof(passing->control.bytes);
}

/*
 * The child's part of open_socket_there. Where that process is somebody's who
 * made a user namespace of their own, that must be entered, too.
 */
static _Noreturn void pass_socket(pid_t there, int family, int to)
{
	int pidfd = (int)syscall(SYS_pidfd_open, there, 0);
	struct passing passing;
	int fd;

	if (setns(pidfd, CLONE_NEWNET) != 0 &&
	    setns(pidfd, CLONE_NEWUSER | CLONE_NEWNET) != 0)
		_exit(1);
	fd = open_socket(family);
	if (fd < 0)
		_exit(1);
	make_passing(&passing);
	passing.control.header.cmsg_level = SOL_SOCKET;
	passing.control.header.cmsg_type = SCM_RIGHTS;
	passing.control.header.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&passing.control.header), &fd, sizeof(fd));
	_exit(sendmsg(to, &passing.message, MSG_NOSIGNAL) != 1);
}

/* A socket of the network namespace of a process: a child goes there. */
static int open_socket_there(pid_t there, int family)
{
	struct passing passing;
	int ends[2], fd = -1;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -1;
	child = fork();
	if (child == 0)
		pass_socket(there, family, ends[1]);
	close(ends[1]);
	make_passing(&passing);
	if (child > 0 &&
	    recvmsg(ends[0], &passing.message, MSG_CMSG_CLOEXEC) == 1 &&
	    passing.message.msg_controllen >= CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(&passing.control.header), sizeof(fd));
	close(ends[0]);
	if (fd < 0)
		errno = EPERM;
	return fd;
}

/* A connection that is under way, or -errno. */
static int open_connection(const struct pp_listener *listener,
			   const union pp_address *target)
{
	int family = target->sa.sa_family;
	int fd = open_socket(family);
	int error;

	if (fd >= 0 && pp_network_of(fd) != listener->network) {
		close(fd);
		fd = open_socket_there(listener->tgid, family);
		if (fd >= 0 && pp_network_of(fd) != listener->network) {
			/* the process has moved, or another has its number */
			close(fd);
			return -EPERM;
		}
	}
	if (fd < 0)
		return -errno;
	if (connect(fd, &target->sa, pp_address_length(target)) == 0 ||
	    errno == EINPROGRESS)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

/* It is connected: TCP_DEFER_ACCEPT waits for a byte. */
static void send_byte(struct pp_knock *knock)
{
	knock->is_connected = true;
	send(knock->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool is_writable(int fd)
{
	struct pollfd here = { .fd = fd, .events = POLLOUT };

	return poll(&here, 1, 0) == 1 && here.revents == POLLOUT;
}

/* Nobody listens any more, or others have taken too many. */
static void give_up(struct pp_listener *listener)
{
	listener->knock.vain = 0;
	while (listener->first_ready != NULL)
		pp_waiting_close(pp_waiting_take_ready(listener));
}

/* It came to nothing: another one, unless that is in vain, too. */
static void knock_again(struct pp_listener *listener, int error)
{
	/* where it cannot be reached the next accept is waited for */
	if (error == EPERM)
		return;
	/* that is no fault of the listener's */
	if (pp_is_shortage(error) || error == EADDRNOTAVAIL)
		pp_knock_soon(listener, LATER);
	else if (error == ECONNREFUSED || ++listener->knock.vain > VAIN)
		give_up(listener);
	else
		pp_knock_soon(listener, SOON << listener->knock.vain);
}

void pp_knock_now(struct pp_listener *listener)
{
	struct pp_knock *knock = &listener->knock;
	socklen_t length = sizeof(knock->own);

	if (knock->fd >= 0 || listener->first_ready == NULL ||
	    listener->pending.first != NULL || listener->is_apart)
		return;
	if (!knock->is_beaten)
		target_of(listener, &knock->target);
	else if (!target_of_ready(listener, &knock->target))
		/* the next accept is waited for */
		return;
	knock->fd = open_connection(listener, &knock->target);
	if (knock->fd < 0 && knock->fd != -ECONNREFUSED && !knock->is_beaten &&
	    target_mapped(listener, &knock->target))
		knock->fd = open_connection(listener, &knock->target);
	if (knock->fd < 0) {
		int error = -knock->fd;

		knock->fd = -1;
		knock_again(listener, error);
		return;
	}
	knock->next = first;
	first = listener;
	getsockname(knock->fd, &knock->own.sa, &length);
	pp_address_unmap(&knock->own);
	knock->is_connected = is_writable(knock->fd);
	if (knock->is_connected)
		send_byte(knock);
	if (!pp_loop_add(knock->fd,
			 EPOLLIN | EPOLLRDHUP |
				 (knock->is_connected ? 0u : EPOLLOUT),
			 &knock->moved)) {
		close_knock(listener);
		knock_again(listener, ENOMEM);
	}
}

void pp_knock_soon(struct pp_listener *listener, int delay)
{
	pp_timer_start(&listener->knock.later, pp_now_ms() + delay);
}

static void knock_expired(struct pp_timer *timer)
{
	struct pp_knock *knock = PP_WHOLE(timer, struct pp_knock, later);

	pp_listener_deal(PP_WHOLE(knock, struct pp_listener, knock));
}

/* It is connected; or somebody has it, closed it or was never there. */
static void knock_moved(struct pp_event *event, uint32_t events)
{
	struct pp_knock *knock = PP_WHOLE(event, struct pp_knock, moved);
	struct pp_listener *listener =
		PP_WHOLE(knock, struct pp_listener, knock);
	int error = 0;
	socklen_t length = sizeof(error);

	if (events == EPOLLOUT) {
		send_byte(knock);
		pp_loop_change(knock->fd, EPOLLIN | EPOLLRDHUP, event);
		return;
	}
	getsockopt(knock->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	close_knock(listener);
	knock_again(listener, error);
}

/*
 * A client may have the same address and port at the same time: where it has
 * connected to another port, or is in another network.
 */
static bool is_knock(const struct pp_listener *listener, int fd,
		     const union pp_address *plain)
{
	union pp_address here, target = listener->knock.target;
	socklen_t length = sizeof(here);

	if (!pp_address_equal(&listener->knock.own, plain) ||
	    getsockname(fd, &here.sa, &length) != 0)
		return false;
	pp_address_unmap(&here);
	pp_address_unmap(&target);
	return pp_address_equal(&here, &target) &&
	       pp_network_of(fd) == listener->network;
}

struct pp_listener *pp_knock_taken(int fd, const union pp_address *peer)
{
	struct pp_listener *listener = first;
	union pp_address plain = *peer;

	pp_address_unmap(&plain);
	while (listener != NULL && !is_knock(listener, fd, &plain))
		listener = listener->knock.next;
	if (listener == NULL)
		return NULL;
	close_knock(listener);
	return listener;
}

bool pp_knock_was_beaten(struct pp_listener *listener,
			 const struct pp_listener *other)
{
	if (pp_address_equal(&listener->address, &other->address)) {
		listener->knock.vain = 0;
		return false;
	}
	listener->knock.is_beaten = true;
	if (listener->first_ready != NULL)
		knock_again(listener, 0);
	return true;
}

bool pp_knock_is_queued(struct pp_listener *listener)
{
	struct pp_knock *knock = &listener->knock;

	if (knock->fd >= 0 && !knock->is_connected)
		close_knock(listener);
	return knock->fd >= 0;
}

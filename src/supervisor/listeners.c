/* SPDX-License-Identifier: ISC */
/* Listeners; see listeners.h. */
#include <config.h>

#include "supervisor/listeners.h"

#include "connection/admission.h"
#include "connection/calls.h"
#include "connection/socket_kind.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define BUCKETS 256

/* After so long what could not be waited for is tried again. */
#define LATER 100	/* milliseconds */

/* So many that have nothing to do are remembered. */
#define IDLE 512

static struct pp_listener *buckets[BUCKETS];
static struct pp_listener *oldest, *newest;
static unsigned count;

static struct pp_listener **bucket_of(uint64_t cookie)
{
	return &buckets[cookie % BUCKETS];
}

uint64_t pp_network_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	/* before Linux 5.14 all are taken to be in ours */
	getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length);
	return cookie;
}

static bool is_idle(const struct pp_listener *listener)
{
	return listener->pending.first == NULL &&
	       listener->first_ready == NULL && listener->late == 0 &&
	       listener->knock.fd < 0;
}

static void unlink_by_age(struct pp_listener *listener)
{
	*(listener->older != NULL ? &listener->older->newer : &oldest) =
		listener->newer;
	*(listener->newer != NULL ? &listener->newer->older : &newest) =
		listener->older;
}

static void link_newest(struct pp_listener *listener)
{
	listener->older = newest;
	listener->newer = NULL;
	*(newest != NULL ? &newest->newer : &oldest) = listener;
	newest = listener;
}

static void listener_readable(struct pp_event *event, uint32_t events)
{
	struct pp_listener *listener =
		PP_WHOLE(event, struct pp_listener, readable);

	(void)events;
	listener->is_armed = false;
	pp_listener_deal(listener);
}

/*
 * Memory for a record: that of the oldest which has nothing to do where there
 * are many. None is ever given back, as the kernel may still tell of its socket.
 */
static struct pp_listener *get_memory(void)
{
	struct pp_listener *listener = oldest;
	struct pp_listener **at;
	int fd = -1;

	if (count < IDLE || !is_idle(listener)) {
		listener = malloc(sizeof(*listener));
		if (listener == NULL)
			return NULL;
		count++;
	} else {
		fd = listener->fd;
		unlink_by_age(listener);
		pp_timer_stop(&listener->knock.later);
		for (at = bucket_of(listener->cookie); *at != listener;)
			at = &(*at)->next;
		*at = listener->next;
	}
	memset(listener, 0, sizeof(*listener));
	listener->fd = fd;
	listener->readable.ready = listener_readable;
	pp_knock_begin(&listener->knock);
	return listener;
}

static struct pp_listener *find_listener(uint64_t cookie)
{
	struct pp_listener *listener = *bucket_of(cookie);

	while (listener != NULL && listener->cookie != cookie)
		listener = listener->next;
	return listener;
}

static struct pp_listener *make_listener(uint64_t cookie)
{
	struct pp_listener *listener = get_memory();

	if (listener == NULL)
		return NULL;
	listener->cookie = cookie;
	listener->next = *bucket_of(cookie);
	*bucket_of(cookie) = listener;
	link_newest(listener);
	return listener;
}

/* Is it bound to an interface, so that nothing from here can reach it? */
static bool is_apart(int fd)
{
	char name[IFNAMSIZ] = "";
	socklen_t length = sizeof(name);

	getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &length);
	return name[0] != '\0' && strcmp(name, "lo") != 0;
}

/* Looks at the socket, by the settings of who uses it. */
static void examine(struct pp_listener *listener, int fd,
		    const struct pp_rules *rules)
{
	socklen_t length = sizeof(listener->address);

	listener->rules = rules;
	listener->network = pp_network_of(fd);
	listener->is_apart = is_apart(fd);
	getsockname(fd, &listener->address.sa, &length);
	listener->is_ours = rules->settings.versions != PP_VERSION_NONE &&
			    pp_is_tcp_socket(fd) &&
			    pp_is_internet_socket(fd) &&
			    pp_admission_has_port(&rules->settings, fd);
	if (listener->is_ours)
		pp_admission_defer_accept(&rules->settings, fd);
}

bool pp_listener_is_known(uint64_t cookie)
{
	return find_listener(cookie) != NULL;
}

struct pp_listener *pp_listener_of(int fd, uint64_t cookie,
				   struct pp_tracee *process,
				   struct pp_rules *rules)
{
	struct pp_listener *listener = find_listener(cookie);

	if (listener == NULL && cookie != 0)
		listener = make_listener(cookie);
	if (listener == NULL)
		return NULL;
	if (listener->rules != rules)
		examine(listener, fd, rules);
	listener->tgid = process->tgid;
	if (listener != newest) {
		unlink_by_age(listener);
		link_newest(listener);
	}
	return listener->is_ours ? listener : NULL;
}

/*
 * Has the loop wait for it. False for want of descriptors or memory. The number
 * that it is waited for by stands for something else then, so that the socket
 * is not held.
 */
static bool wait_for_listener(struct pp_listener *listener, int fd)
{
	const uint32_t events = EPOLLIN | EPOLLONESHOT;
	static int nothing = -1;
	bool waits;

	if (nothing < 0)
		nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (nothing < 0)
		return false;
	if (listener->fd < 0)
		listener->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	else
		dup3(fd, listener->fd, O_CLOEXEC);
	if (listener->fd < 0)
		return false;
	waits = pp_loop_change(listener->fd, events, &listener->readable) ||
		pp_loop_add(listener->fd, events, &listener->readable);
	dup3(nothing, listener->fd, O_CLOEXEC);
	return waits;
}

void pp_listener_arm(struct pp_listener *listener, int fd)
{
	if (listener->is_armed)
		return;
	listener->is_armed = wait_for_listener(listener, fd);
	if (!listener->is_armed)
		pp_knock_soon(listener, LATER);
}

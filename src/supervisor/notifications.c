/* SPDX-License-Identifier: ISC */
/* Notifications of seccomp and their answers; see notifications.h. */
#include <config.h>

#include "supervisor/notifications.h"

#include "supervisor/accept.h"
#include "supervisor/connect.h"
#include "supervisor/loop.h"
#include "supervisor/names.h"
#include "supervisor/pending_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* since Linux 6.6 */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

static int listener;
static bool is_over;

void pp_answer_continue(const struct pp_call *call)
{
	struct seccomp_notif_resp answer = {
		.id = call->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE
	};

	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

bool pp_answer(const struct pp_call *call, int result)
{
	struct seccomp_notif_resp answer = { .id = call->id, .error = result };

	return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0;
}

int pp_answer_descriptor(const struct pp_call *call, int fd, int flags)
{
	struct seccomp_notif_addfd add = {
		.id = call->id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = (uint32_t)fd,
		.newfd_flags = flags & SOCK_CLOEXEC ? O_CLOEXEC : 0,
	};
	int number;

	do
		number = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	while (number < 0 && errno == EINTR);
	/* one that has been taken from us, or is being, is gone as well */
	if (number < 0)
		return errno == EINPROGRESS ? -ENOENT : -errno;
	return number;
}

bool pp_call_is_valid(const struct pp_call *call)
{
	uint64_t id = call->id;

	return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static bool is_hung_up(void)
{
	struct pollfd here = { .fd = listener };

	return poll(&here, 1, 0) == 1 && (here.revents & POLLHUP) != 0;
}

bool pp_notifications_are_over(void)
{
	return is_over || is_hung_up();
}

static void deal_with(const struct pp_call *call)
{
	switch (call->name) {
	case PP_CALL_ACCEPT:
	case PP_CALL_ACCEPT4:
		pp_accept(call);
		break;
	case PP_CALL_LISTEN:
		pp_listen(call);
		break;
	case PP_CALL_GETPEERNAME:
	case PP_CALL_GETSOCKNAME:
		pp_get_name(call);
		break;
	case PP_CALL_CONNECT:
		pp_connect(call);
		break;
	case PP_CALL_NONE:
		pp_answer_continue(call);
	}
}

static void deal_with_notification(const struct seccomp_notif *notification)
{
	struct pp_call call;

	/* a thread waits in one call: what it waited in before is over */
	pp_pending_is_over((int)notification->pid);
	if (pp_filter_read(notification, &call))
		deal_with(&call);
	else
		pp_answer_continue(&call);
}

/*
 * Waits for calls in the kernel's own call for that: a thread that makes one
 * then has us run where it ran (SYNC_WAKE_UP), which epoll does not.
 */
static void *receive_calls(void *nothing)
{
	struct seccomp_notif notification;

	for (;;) {
		memset(&notification, 0, sizeof(notification));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) ==
		    0) {
			pp_loop_lock();
			deal_with_notification(&notification);
			pp_loop_unlock();
		} else if (is_hung_up()) {
			return nothing;
		}
		/* otherwise it has gone */
	}
}

static void calls_are_over(struct pp_event *event, uint32_t events)
{
	(void)event;
	/* an error may be of this poll alone */
	if (events & EPOLLHUP) {
		pp_loop_remove(listener);
		is_over = true;
	}
}

bool pp_notifications_begin(int fd)
{
	static struct pp_event over = { .ready = calls_are_over };
	pthread_t thread;

	listener = fd;
	/* an older kernel goes without */
	ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
	      SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	errno = pthread_create(&thread, NULL, receive_calls, NULL);
	return errno == 0 && pp_loop_add(fd, 0, &over);
}

/* SPDX-License-Identifier: ISC */
/* The seccomp filter; see filter.h. */
#include <config.h>

#include "supervisor/filter.h"

#include "supervisor/memory.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Since Linux 5.19: who has been heard is interrupted by what kills it alone. */
#define WAIT_KILLABLE_RECV (1ul << 5)

/* May this process filter without giving up set-user-ID programs? */
static bool has_admin(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2];

	return syscall(SYS_capget, &header, data) == 0 &&
	       (data[0].effective & (1u << CAP_SYS_ADMIN)) != 0;
}

/* Without SPEC_ALLOW older kernels make the program slower. */
static long set_filter(const struct sock_fprog *filter, unsigned long flags)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		       SECCOMP_FILTER_FLAG_NEW_LISTENER |
			       SECCOMP_FILTER_FLAG_SPEC_ALLOW | flags,
		       filter);
}

int pp_filter_set(bool connect)
{
	struct pp_filter_program program;
	struct sock_fprog filter = { .filter = program.code };
	long fd;

	if (!pp_filter_make(connect, &program))
		return -ENOSYS;
	filter.len = program.length;
	if (!has_admin() && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	/*
	 * A connect that a signal interrupts while its header is under way would
	 * let data overtake that. An accept is to be interrupted.
	 */
	fd = set_filter(&filter, connect ? WAIT_KILLABLE_RECV : 0);
	if (fd < 0 && errno == EINVAL && connect)
		fd = set_filter(&filter, 0);
	return fd < 0 ? -errno : (int)fd;
}

bool pp_filter_read(const struct seccomp_notif *notification,
		    struct pp_call *call)
{
	const struct seccomp_data *data = &notification->data;
	uint32_t words[4] = { 0 };
	bool is_multiplexed;

	call->id = notification->id;
	call->tid = (int)notification->pid;
	call->name = pp_filter_call(data, &is_multiplexed);
	memcpy(call->arguments, data->args, sizeof(call->arguments));
	if (!is_multiplexed)
		return true;
	/* four words of accept4; fewer of the others */
	if (!pp_memory_read(call->tid, data->args[1], words,
			    call->name == PP_CALL_LISTEN    ? 8
			    : call->name == PP_CALL_ACCEPT4 ? 16
							    : 12))
		return false;
	for (int i = 0; i < 4; i++)
		call->arguments[i] = words[i];
	return true;
}

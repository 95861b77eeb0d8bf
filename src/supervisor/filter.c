/* SPDX-License-Identifier: ISC */
/* The seccomp filter; see filter.h. */
#include <config.h>

#include "supervisor/filter.h"

#include "supervisor/memory.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Since Linux 5.19: who has been heard is interrupted by what kills it alone. */
#define WAIT_KILLABLE_RECV (1ul << 5)

/* One call on one architecture. */
struct number {
	uint32_t number;
	enum pp_call_name name;
};

/* The calls of an architecture; what it has no number for is left out. */
struct architecture {
	uint32_t audit;
	uint32_t socketcall;	/* 0 for none */
	struct number numbers[7];
};

/* The same number on all architectures. */
#define IO_URING_SETUP 425

#if defined(__x86_64__)
/* Calls of x32 have this bit; their addresses are not those of x86-64. */
#define X32_BIT 0x40000000
static const struct architecture architectures[] = {
	{ AUDIT_ARCH_X86_64, 0, {
		{ 43, PP_CALL_ACCEPT }, { 288, PP_CALL_ACCEPT4 },
		{ 50, PP_CALL_LISTEN }, { 52, PP_CALL_GETPEERNAME },
		{ 51, PP_CALL_GETSOCKNAME }, { 42, PP_CALL_CONNECT } } },
	{ AUDIT_ARCH_I386, 102, {
		{ 364, PP_CALL_ACCEPT4 }, { 363, PP_CALL_LISTEN },
		{ 368, PP_CALL_GETPEERNAME }, { 367, PP_CALL_GETSOCKNAME },
		{ 362, PP_CALL_CONNECT } } },
};
#elif defined(__aarch64__)
static const struct architecture architectures[] = {
	{ AUDIT_ARCH_AARCH64, 0, {
		{ 202, PP_CALL_ACCEPT }, { 242, PP_CALL_ACCEPT4 },
		{ 201, PP_CALL_LISTEN }, { 205, PP_CALL_GETPEERNAME },
		{ 204, PP_CALL_GETSOCKNAME }, { 203, PP_CALL_CONNECT } } },
	{ AUDIT_ARCH_ARM, 0, {
		{ 285, PP_CALL_ACCEPT }, { 366, PP_CALL_ACCEPT4 },
		{ 284, PP_CALL_LISTEN }, { 287, PP_CALL_GETPEERNAME },
		{ 286, PP_CALL_GETSOCKNAME }, { 283, PP_CALL_CONNECT } } },
};
#else
/* Nothing is watched, and pp_filter_set says so. */
static const struct architecture architectures[] = { { 0, 0, { { 0 } } } };
#endif

#define ARCHITECTURES (sizeof(architectures) / sizeof(architectures[0]))

/* What socketcall(2) calls by which number: see linux/net.h. */
static const struct number multiplexed[] = {
	{ 5, PP_CALL_ACCEPT },	    { 18, PP_CALL_ACCEPT4 },
	{ 4, PP_CALL_LISTEN },	    { 7, PP_CALL_GETPEERNAME },
	{ 6, PP_CALL_GETSOCKNAME }, { 3, PP_CALL_CONNECT },
	{ 0, PP_CALL_NONE },
};

#define DATA(field) ((uint32_t)offsetof(struct seccomp_data, field))

#define PROGRAM_SIZE 96

struct program {
	struct sock_filter code[PROGRAM_SIZE];
	uint16_t length;
};

static void add_code(struct program *program, uint16_t code, uint32_t value,
		     uint8_t if_true, uint8_t if_false)
{
	program->code[program->length++] = (struct sock_filter){
		code, if_true, if_false, value
	};
}

static void add_load(struct program *program, uint32_t offset)
{
	add_code(program, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

/* Ends with that result where what was loaded is the value. */
static void add_return_if(struct program *program, uint32_t value,
			  uint32_t result)
{
	add_code(program, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	add_code(program, BPF_RET | BPF_K, result, 0, 0);
}

/* Asks about those of the calls that are to be asked about. */
static void add_calls(struct program *program, const struct number *number,
		      bool connect)
{
	for (; number->name != PP_CALL_NONE; number++)
		if ((number->name == PP_CALL_CONNECT) == connect)
			add_return_if(program, number->number,
				      SECCOMP_RET_USER_NOTIF);
}

/* All that is done about an architecture; its length is known only then. */
static void add_architecture(struct program *program,
			     const struct architecture *architecture,
			     bool connect)
{
	uint16_t jump = program->length;

	add_code(program, BPF_JMP | BPF_JEQ | BPF_K, architecture->audit, 0, 0);
	add_load(program, DATA(nr));
#ifdef X32_BIT
	if (architecture->audit == AUDIT_ARCH_X86_64) {
		add_code(program, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
		add_code(program, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS,
			 0, 0);
	}
#endif
	add_return_if(program, IO_URING_SETUP, SECCOMP_RET_ERRNO | ENOSYS);
	add_calls(program, architecture->numbers, connect);
	if (architecture->socketcall != 0) {
		add_code(program, BPF_JMP | BPF_JEQ | BPF_K,
			 architecture->socketcall, 1, 0);
		add_code(program, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
		add_load(program, DATA(args[0]));
		add_calls(program, multiplexed, connect);
	}
	add_code(program, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	program->code[jump].jf = (uint8_t)(program->length - jump - 1);
}

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
	struct program program = { .length = 0 };
	struct sock_fprog filter = { .filter = program.code };
	long fd;

	if (architectures[0].audit == 0)
		return -ENOSYS;
	add_load(&program, DATA(arch));
	for (size_t i = 0; i < ARCHITECTURES; i++)
		add_architecture(&program, &architectures[i], connect);
	add_code(&program, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
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

static enum pp_call_name find_call(const struct number *number, uint32_t value)
{
	while (number->name != PP_CALL_NONE && number->number != value)
		number++;
	return number->name;
}

bool pp_filter_read(const struct seccomp_notif *notification,
		    struct pp_call *call)
{
	const struct seccomp_data *data = &notification->data;
	const struct architecture *at = architectures;
	uint32_t words[4] = { 0 };

	call->id = notification->id;
	call->tid = (int)notification->pid;
	while (at < architectures + ARCHITECTURES - 1 && at->audit != data->arch)
		at++;
	call->name = find_call(at->numbers, (uint32_t)data->nr);
	memcpy(call->arguments, data->args, sizeof(call->arguments));
	if (at->socketcall == 0 || (uint32_t)data->nr != at->socketcall)
		return true;
	call->name = find_call(multiplexed, (uint32_t)data->args[0]);
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

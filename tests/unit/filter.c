/* SPDX-License-Identifier: ISC */
/* The supervisor's filter: which calls it asks about, on each machine. */
#include <config.h>

#include "supervisor/filter_program.h"

#include "suites.h"
#include "support.h"

#include <errno.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/syscall.h>

SUITE("filter");

#define REFUSED (SECCOMP_RET_ERRNO | ENOSYS)

/* What the kernel would get of the program for a call. */
static uint32_t run_program(const struct pp_filter_program *program,
			    const struct seccomp_data *data)
{
	uint32_t loaded = 0;

	for (unsigned at = 0; at < program->length; at++) {
		const struct sock_filter *step = &program->code[at];

		switch (step->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			ck_assert_uint_le(step->k, sizeof(*data) - 4);
			memcpy(&loaded, (const char *)data + step->k, 4);
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += loaded == step->k ? step->jt : step->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += loaded >= step->k ? step->jt : step->jf;
			break;
		case BPF_RET | BPF_K:
			return step->k;
		default:
			ck_abort_msg("a step of another kind");
		}
	}
	ck_abort_msg("it has no end");
}

/* Of servers and of clients: asked, allowed or refused; and which call it is. */
static void check_call(uint32_t architecture, int number, uint64_t first,
		       uint32_t of_server, uint32_t of_client,
		       enum pp_call_name name)
{
	const struct seccomp_data data = { .arch = architecture,
					   .nr = number,
					   .args = { first } };
	struct pp_filter_program program;
	bool is_multiplexed;

	ck_assert(pp_filter_make(false, &program));
	ck_assert_uint_eq(run_program(&program, &data), of_server);
	ck_assert(pp_filter_make(true, &program));
	ck_assert_uint_eq(run_program(&program, &data), of_client);
	ck_assert_int_eq(pp_filter_call(&data, &is_multiplexed), name);
}

static void check_server(uint32_t architecture, int number,
			 enum pp_call_name name)
{
	check_call(architecture, number, 0, SECCOMP_RET_USER_NOTIF,
		   SECCOMP_RET_ALLOW, name);
}

static void check_client(uint32_t architecture, int number)
{
	check_call(architecture, number, 0, SECCOMP_RET_ALLOW,
		   SECCOMP_RET_USER_NOTIF, PP_CALL_CONNECT);
}

static void check_other(uint32_t architecture, int number)
{
	check_call(architecture, number, 0, SECCOMP_RET_ALLOW,
		   SECCOMP_RET_ALLOW, PP_CALL_NONE);
}

#if defined(__x86_64__) || defined(__aarch64__)
#ifdef __x86_64__
#define NATIVE AUDIT_ARCH_X86_64
#else
#define NATIVE AUDIT_ARCH_AARCH64
#endif

/* The numbers are those of the C library's headers. */
TEST(calls_of_this_machine)
{
	check_server(NATIVE, SYS_accept, PP_CALL_ACCEPT);
	check_server(NATIVE, SYS_accept4, PP_CALL_ACCEPT4);
	check_server(NATIVE, SYS_listen, PP_CALL_LISTEN);
	check_server(NATIVE, SYS_getpeername, PP_CALL_GETPEERNAME);
	check_server(NATIVE, SYS_getsockname, PP_CALL_GETSOCKNAME);
	check_client(NATIVE, SYS_connect);
	check_call(NATIVE, SYS_io_uring_setup, 0, REFUSED, REFUSED,
		   PP_CALL_NONE);
}

/* What it does all the time is not asked about. */
TEST(other_calls_of_this_machine)
{
	static const int numbers[] = {
		SYS_read, SYS_write, SYS_close, SYS_socket, SYS_bind,
		SYS_sendmsg, SYS_recvfrom, SYS_shutdown, SYS_setsockopt,
		SYS_getsockopt, SYS_execve, SYS_exit, SYS_ioctl, SYS_clone,
		SYS_futex, SYS_io_uring_enter, SYS_seccomp,
	};

	for (size_t i = 0; i < COUNT(numbers); i++)
		check_other(NATIVE, numbers[i]);
}

TEST(another_machine_is_let_alone)
{
	check_other(AUDIT_ARCH_PPC64, SYS_accept);
}
#endif

#ifdef __x86_64__
TEST(calls_of_i386)
{
	check_server(AUDIT_ARCH_I386, 364, PP_CALL_ACCEPT4);
	check_server(AUDIT_ARCH_I386, 363, PP_CALL_LISTEN);
	check_server(AUDIT_ARCH_I386, 368, PP_CALL_GETPEERNAME);
	check_server(AUDIT_ARCH_I386, 367, PP_CALL_GETSOCKNAME);
	check_client(AUDIT_ARCH_I386, 362);
	check_call(AUDIT_ARCH_I386, 425, 0, REFUSED, REFUSED, PP_CALL_NONE);
	/* there these are write, lchown and so on of x86-64's numbers */
	check_other(AUDIT_ARCH_I386, SYS_accept);
	check_other(AUDIT_ARCH_I386, SYS_connect);
}

TEST(calls_by_socketcall)
{
	static const enum pp_call_name names[21] = {
		[3] = PP_CALL_CONNECT,	   [4] = PP_CALL_LISTEN,
		[5] = PP_CALL_ACCEPT,	   [6] = PP_CALL_GETSOCKNAME,
		[7] = PP_CALL_GETPEERNAME, [18] = PP_CALL_ACCEPT4,
	};

	for (unsigned i = 0; i < COUNT(names); i++) {
		bool client = names[i] == PP_CALL_CONNECT;
		bool server = !client && names[i] != PP_CALL_NONE;

		check_call(AUDIT_ARCH_I386, 102, i,
			   server ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW,
			   client ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW,
			   names[i]);
	}
}

TEST(calls_of_x32_are_refused)
{
	const int bit = 0x40000000;

	check_call(NATIVE, bit | SYS_accept, 0, REFUSED, REFUSED, PP_CALL_NONE);
	check_call(NATIVE, bit | SYS_read, 0, REFUSED, REFUSED, PP_CALL_NONE);
}
#endif

#ifdef __aarch64__
TEST(calls_of_arm)
{
	check_server(AUDIT_ARCH_ARM, 285, PP_CALL_ACCEPT);
	check_server(AUDIT_ARCH_ARM, 366, PP_CALL_ACCEPT4);
	check_server(AUDIT_ARCH_ARM, 284, PP_CALL_LISTEN);
	check_server(AUDIT_ARCH_ARM, 287, PP_CALL_GETPEERNAME);
	check_server(AUDIT_ARCH_ARM, 286, PP_CALL_GETSOCKNAME);
	check_client(AUDIT_ARCH_ARM, 283);
	check_other(AUDIT_ARCH_ARM, SYS_accept);
}
#endif

#if !defined(__x86_64__) && !defined(__aarch64__)
TEST(nothing_is_watched_elsewhere)
{
	struct pp_filter_program program;

	ck_assert(!pp_filter_make(false, &program));
}
#endif

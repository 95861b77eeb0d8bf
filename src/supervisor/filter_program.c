/* SPDX-License-Identifier: ISC */
/* The program of the filter, and the numbers of calls; see filter_program.h. */
#include <config.h>

#include "supervisor/filter_program.h"

#include <errno.h>
#include <linux/audit.h>
#include <stddef.h>

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

static void add_code(struct pp_filter_program *program, uint16_t code, uint32_t value,
		     uint8_t if_true, uint8_t if_false)
{
	program->code[program->length++] = (struct sock_filter){
		code, if_true, if_false, value
	};
}

static void add_load(struct pp_filter_program *program, uint32_t offset)
{
	add_code(program, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

/* Ends with that result where what was loaded is the value. */
static void add_return_if(struct pp_filter_program *program, uint32_t value,
			  uint32_t result)
{
	add_code(program, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	add_code(program, BPF_RET | BPF_K, result, 0, 0);
}

/* Asks about those of the calls that are to be asked about. */
static void add_calls(struct pp_filter_program *program, const struct number *number,
		      bool connect)
{
	for (; number->name != PP_CALL_NONE; number++)
		if ((number->name == PP_CALL_CONNECT) == connect)
			add_return_if(program, number->number,
				      SECCOMP_RET_USER_NOTIF);
}

/* All that is done about an architecture; its length is known only then. */
static void add_architecture(struct pp_filter_program *program,
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

bool pp_filter_make(bool connect, struct pp_filter_program *program)
{
	program->length = 0;
	if (architectures[0].audit == 0)
		return false;
	add_load(program, DATA(arch));
	for (size_t i = 0; i < ARCHITECTURES; i++)
		add_architecture(program, &architectures[i], connect);
	add_code(program, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	return true;
}

static enum pp_call_name find_call(const struct number *number, uint32_t value)
{
	while (number->name != PP_CALL_NONE && number->number != value)
		number++;
	return number->name;
}

enum pp_call_name pp_filter_call(const struct seccomp_data *data,
				 bool *is_multiplexed)
{
	const struct architecture *at = architectures;

	while (at < architectures + ARCHITECTURES - 1 && at->audit != data->arch)
		at++;
	*is_multiplexed = at->socketcall != 0 &&
			  (uint32_t)data->nr == at->socketcall;
	return *is_multiplexed
		       ? find_call(multiplexed, (uint32_t)data->args[0])
		       : find_call(at->numbers, (uint32_t)data->nr);
}

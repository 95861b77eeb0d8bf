/* SPDX-License-Identifier: ISC */
/*
 * The program of the filter: which system calls of this machine's architectures
 * are asked about, and which call that is.
 */
#ifndef PP_SUPERVISOR_FILTER_PROGRAM_H
#define PP_SUPERVISOR_FILTER_PROGRAM_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

enum pp_call_name {
	PP_CALL_NONE,
	PP_CALL_ACCEPT,
	PP_CALL_ACCEPT4,
	PP_CALL_LISTEN,
	PP_CALL_GETPEERNAME,
	PP_CALL_GETSOCKNAME,
	PP_CALL_CONNECT,
};

struct pp_filter_program {
	struct sock_filter code[96];
	uint16_t length;
};

/* Makes it; connect: of a client. False where the machine is not known. */
bool pp_filter_make(bool connect, struct pp_filter_program *program);

/*
 * The call, PP_CALL_NONE where it is none of these. *is_multiplexed: by
 * socketcall(2), whose second argument says where the others are.
 */
enum pp_call_name pp_filter_call(const struct seccomp_data *data,
				 bool *is_multiplexed);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Classic BPF as the kernel has it in <linux/filter.h>, for C libraries that
 * come without the kernel's headers.
 */
#ifndef PP_PRELOAD_SERVER_BPF_H
#define PP_PRELOAD_SERVER_BPF_H

#include <stdint.h>

/* One instruction. */
struct pp_bpf {
	uint16_t code;
	uint8_t jump_true, jump_false;
	uint32_t k;
};

#define PP_BPF_LOAD 0x00	/* BPF_LD | BPF_IMM: k */
#define PP_BPF_RETURN 0x06	/* BPF_RET | BPF_K: k bytes of the packet */
#define PP_BPF_EVERYTHING 0xffffffff

/* What SO_ATTACH_FILTER takes. */
struct pp_bpf_program {
	unsigned short length;
	struct pp_bpf *steps;
};

#endif

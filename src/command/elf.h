/* SPDX-License-Identifier: ISC */
/* What an ELF file says of itself that decides whether a preload reaches it. */
#ifndef PP_COMMAND_ELF_H
#define PP_COMMAND_ELF_H

#include <limits.h>
#include <stdbool.h>

/* The rest is filled in where class and machine are those of this program. */
struct pp_elf {
	unsigned bits;		/* 32 or 64 */
	unsigned machine;	/* EM_X86_64 ... */
	bool is_native;		/* class, byte order and machine are ours */
	char loader[PATH_MAX];	/* PT_INTERP; "" where it is linked statically */
	bool is_position_independent;
	bool is_go;		/* of Go's own compiler, cgo or not */
	bool is_free_pascal;
	bool imports_accept;	/* it may call that of libc */
	bool listens_by_uring;	/* is linked with liburing, and listens */
	/* It becomes another effective user, keeps capabilities as that, and
	   executes programs. */
	bool executes_as_another;
};

/*
 * Reads an ELF file. Returns 0, -ENOEXEC where it is none or not a whole one,
 * or -errno.
 */
int pp_elf_read(const char *path, struct pp_elf *elf);

/* The name of a machine, as "i386" or "arm64", or its number in text. */
#define PP_MACHINE_TEXT 24
const char *pp_elf_machine(const struct pp_elf *elf,
			   char text[static PP_MACHINE_TEXT]);

#endif

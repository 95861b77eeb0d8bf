/* SPDX-License-Identifier: ISC */
/* What /proc/PID has in files. */
#ifndef PP_SUPERVISOR_PROC_FILES_H
#define PP_SUPERVISOR_PROC_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Reads a file of /proc/PID into memory that is to be freed, and ends it with a
 * NUL byte. NULL, no length, and errno where that fails.
 */
char *pp_process_file(pid_t pid, const char *name, size_t *length);

/*
 * The value of that type, as AT_SECURE, in what the file auxv has, of a program
 * of 32 or 64 bits. 0 where it is not there.
 */
uint64_t pp_process_auxiliary(const char *auxv, size_t length, uint64_t type);

#endif

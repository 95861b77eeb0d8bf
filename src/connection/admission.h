/* SPDX-License-Identifier: ISC */
/* Whose connections the settings speak of: TRUSTED and PORTS. */
#ifndef PP_CONNECTION_ADMISSION_H
#define PP_CONNECTION_ADMISSION_H

#include "settings/settings.h"

enum pp_policy {
	PP_POLICY_LOOK,		/* the header counts */
	PP_POLICY_UNTRUSTED,	/* to be treated as one without a header */
	PP_POLICY_OTHER_PORT,	/* none of the library's business */
};

/* Does the library apply to this socket's local port? */
bool pp_policy_has_port(const struct pp_settings *settings, int fd);

/*
 * What becomes of an accepted connection from this peer, as the kernel named
 * it. Not one byte is looked at. No system call, but one where PORTS is set
 * and its answer is needed. May change errno.
 */
enum pp_policy pp_policy(const struct pp_settings *settings, int fd,
			 const union pp_address *peer);

/*
 * Lets the kernel keep a silent client to itself for a second. Only where all
 * clients are expected to speak first, and where the program has not decided.
 */
void pp_policy_defer_accept(const struct pp_settings *settings, int fd);

#endif

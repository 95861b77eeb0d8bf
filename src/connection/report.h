/* SPDX-License-Identifier: ISC */
/*
 * Lines on standard error, each with one write(2). Only where somebody asked
 * for them, or a setting is bad; and only to the standard error that the
 * program started with: what has its descriptor since, a client's connection
 * or a file of the program's, gets none. A write costs one system call more
 * for that.
 */
#ifndef PP_CONNECTION_REPORT_H
#define PP_CONNECTION_REPORT_H

#include "protocol/address.h"
#include "protocol/header.h"
#include "settings/settings.h"

/*
 * Remembers what descriptor 2 is now. One system call, and no descriptor of
 * ours. Where this is not called the first line does it.
 */
void pp_report_begin(void);

/* Nothing is written any more: what descriptor 2 is takes no lines. */
void pp_report_end(void);

/*
 * The program closes the descriptors from first to last: pp_report_end, where
 * 2 is among them and nothing is remembered, since what comes there next would
 * be taken for standard error. Signal-safe.
 */
void pp_report_before_close(unsigned first, unsigned last);

/*
 * Writes "who: " and the formatted text as one line, cut at 512 bytes. Keeps
 * errno, raises no SIGPIPE, is no cancellation point, allocates nothing.
 */
void pp_report(const char *who, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * For the server in debug mode: a header was taken off the connection fd, by
 * "accept" or the like. bytes are the header's, for its vectors, or NULL where
 * there was no memory for them.
 */
void pp_report_header(const struct pp_settings *settings, const char *by,
		      int fd, const union pp_address *proxy,
		      const struct pp_header *header, const uint8_t *bytes);

/* The same: what else became of the connection fd, and why. */
void pp_report_outcome(const struct pp_settings *settings, const char *by,
		       int fd, const union pp_address *proxy,
		       const char *outcome, const char *reason);

/* The same: that the library is at work on the listener fd, by which settings. */
void pp_report_settings(const struct pp_settings *settings, const char *by,
			int fd, const union pp_address *local);

#endif

/* SPDX-License-Identifier: ISC */
/* One line on stderr. Called only where somebody asked for it. */
#ifndef PP_CONNECTION_REPORT_H
#define PP_CONNECTION_REPORT_H

/*
 * Writes "who: " and the formatted text as one line with one write(2), cut at
 * 512 bytes. Keeps errno, raises no SIGPIPE, is no cancellation point,
 * allocates nothing.
 */
void pp_report(const char *who, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif

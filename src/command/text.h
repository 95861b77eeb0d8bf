/* SPDX-License-Identifier: ISC */
/*
 * Texts of others, as a process chooses for its name and in its environment: a
 * terminal must not take them for its own control sequences.
 */
#ifndef PP_COMMAND_TEXT_H
#define PP_COMMAND_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* How many bytes a character of UTF-8 has that begins here; 0: it is none. */
size_t pp_text_length(const unsigned char *at);

/* Does a terminal obey it? C0, DEL, and C1 in UTF-8; of so many bytes. */
bool pp_text_is_control(const unsigned char *at, size_t length);

/* Writes it to standard output, '?' for what controls and for what is no text. */
void pp_text_print(const char *text);

#endif

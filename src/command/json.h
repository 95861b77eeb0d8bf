/* SPDX-License-Identifier: ISC */
/* Writes JSON to standard output, for programs. */
#ifndef PP_COMMAND_JSON_H
#define PP_COMMAND_JSON_H

#include <stdbool.h>

/*
 * A text, which may be any bytes: those that are no UTF-8 become U+FFFD. NULL
 * is null.
 */
void pp_json_text(const char *text);

/*
 * What stands before a value: a comma where it is not the first, and the name
 * where it is one of an object's.
 */
void pp_json_item(bool *is_first, const char *name);

/* The whole of a member of an object. */
void pp_json_member(bool *is_first, const char *name, const char *text);
void pp_json_number(bool *is_first, const char *name, long long number);
void pp_json_boolean(bool *is_first, const char *name, bool value);

#endif

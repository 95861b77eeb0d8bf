/* SPDX-License-Identifier: ISC */
/* Tells what the bytes of a header say, field by field, for people. */
#ifndef PP_COMMAND_DESCRIBE_H
#define PP_COMMAND_DESCRIBE_H

#include "protocol/header.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Prints the fields of the header that the bytes begin with, a line each, as
 * far as they are there and make sense: it may be cut, or have a mistake.
 */
void pp_describe_header(const uint8_t *bytes, size_t size);

/*
 * Prints the last line of it: that the header is valid, or what is wrong with
 * it, at which byte (the first is 0). Returns whether it is valid.
 */
bool pp_describe_verdict(const uint8_t *bytes, size_t size);

/* Prints bytes as text in quotes, or, where they hardly are any, as digits. */
void pp_print_value(const uint8_t *value, size_t length);

/* How a line begins: what it is about. Behind it come "%s" and a newline. */
void pp_print_field(const char *name);

#endif

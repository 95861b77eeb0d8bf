/* SPDX-License-Identifier: ISC */
/* The words of a setting that takes a list, and the numbers in them. */
#ifndef PP_SETTINGS_WORDS_H
#define PP_SETTINGS_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* What stands between two words, in any number and mixture. */
#define PP_SEPARATORS ", \t\r\n"

/* A part of a text that goes on behind it. */
struct pp_word {
	const char *start;
	size_t length;
};

/*
 * Finds the next word of *text and moves *text behind it. False at the end of
 * the list.
 */
bool pp_word_next(const char **text, struct pp_word *word);

/* Is the word this one, in whatever case? */
bool pp_word_is(const struct pp_word *word, const char *other);

/* How many words the text has. */
size_t pp_word_count(const char *text);

/*
 * Reads a decimal number of digits only, without heading zeroes, up to max
 * (less than a thousand million).
 */
bool pp_number(const char *digits, size_t length, unsigned max, unsigned *to);

#endif

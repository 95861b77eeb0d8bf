/* SPDX-License-Identifier: ISC */
/* Words and numbers; see words.h. */
#include <config.h>

#include "settings/words.h"

#include <string.h>
#include <strings.h>

bool pp_word_next(const char **text, struct pp_word *word)
{
	word->start = *text + strspn(*text, PP_SEPARATORS);
	word->length = strcspn(word->start, PP_SEPARATORS);
	*text = word->start + word->length;
	return word->length > 0;
}

bool pp_word_is(const struct pp_word *word, const char *other)
{
	return strlen(other) == word->length &&
	       strncasecmp(word->start, other, word->length) == 0;
}

size_t pp_word_count(const char *text)
{
	struct pp_word word;
	size_t count = 0;

	while (pp_word_next(&text, &word))
		count++;
	return count;
}

bool pp_number(const char *digits, size_t length, unsigned max, unsigned *to)
{
	unsigned number = 0;

	if (length == 0 || length > 9 || (length > 1 && digits[0] == '0'))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
		number = number * 10 + (unsigned)(digits[i] - '0');
	}
	*to = number;
	return number <= max;
}

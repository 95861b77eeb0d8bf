/* SPDX-License-Identifier: ISC */
/* Lists and their words; see lists.h. */
#include <config.h>

#include "settings/lists.h"

#include "memory.h"

#include <string.h>
#include <sys/mman.h>

/* Finds the next word of *text and moves *text behind it. */
static bool next_word(const struct pp_list *list, const char **text,
		      struct pp_word *word)
{
	word->start = *text + strspn(*text, list->separators);
	word->length = strcspn(word->start, list->separators);
	*text = word->start + word->length;
	return word->length > 0;
}

char pp_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

bool pp_text_is(const char *text, size_t length, const char *word)
{
	for (size_t i = 0; i < length; i++)
		if (word[i] == '\0' || pp_upper(text[i]) != pp_upper(word[i]))
			return false;
	return word[length] == '\0';
}

const char *pp_list_parse(const struct pp_list *list, const char *text,
			  struct pp_bytes *bytes)
{
	struct pp_bytes read = { NULL, 0, 0 };
	const char *rest = text;
	struct pp_word word;
	size_t words = 0;

	while (next_word(list, &rest, &word))
		words++;
	rest = text;
	if (words == 1 && next_word(list, &rest, &word) &&
	    pp_text_is(word.start, word.length, list->none)) {
		*bytes = read;
		return NULL;
	}
	read.mapped = list->size + words * list->word_size;
	if (words > 0)
		read.at = pp_memory_map(read.mapped);
	if (read.at == NULL)
		return text;
	for (rest = text; next_word(list, &rest, &word);) {
		if (list->add(&word, &read))
			continue;
		pp_bytes_free(&read);
		return word.start;
	}
	*bytes = read;
	return NULL;
}

void pp_bytes_free(struct pp_bytes *bytes)
{
	if (bytes->at != NULL)
		munmap(bytes->at, bytes->mapped);
	*bytes = (struct pp_bytes){ NULL, 0, 0 };
}

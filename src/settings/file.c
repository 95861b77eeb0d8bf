/* SPDX-License-Identifier: ISC */
/* Reading the settings file over a buffer; see load.h. */
#include <config.h>

#include "settings/load.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define BLANKS " \t\r"

/* U+FEFF in UTF-8 */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* No program's base name is longer. */
#define PATTERN_MAX 255

/* How far the reading has come. */
struct reader {
	const char *program;
	struct pp_settings *settings;
	struct pp_settings_error *error;
	unsigned line;
	/* of the section that the line is in: */
	bool applies;
	char section[64];
	unsigned given;		/* a bit for each row of the table */
};

/* "path:line: " and then what the rest says */
#define FAIL(reader, format, ...)                                          \
	pp_settings_fail((reader)->error, "%s:%u: " format,                \
			 (reader)->settings->config, (reader)->line, __VA_ARGS__)

/* The line without blanks at its ends. */
static char *trim(char *line)
{
	size_t length;

	line += strspn(line, BLANKS);
	length = strlen(line);
	while (length > 0 && strchr(BLANKS, line[length - 1]) != NULL)
		length--;
	line[length] = '\0';
	return line;
}

/*
 * Goes behind a set of characters of a pattern, which starts behind its '[':
 * NULL where nothing ends it, or a range in it is the wrong way round.
 */
static const char *skip_set(const char *at)
{
	const char *first;

	at += *at == '!' || *at == '^';
	for (first = at; *at != ']' || at == first; at++) {
		if (*at == '[' && at[1] == ':') {
			at = strstr(at + 2, ":]");
			if (at == NULL)
				return NULL;
			at++;
		} else if (*at == '\\' && at[1] != '\0') {
			at++;
		} else if (*at == '\0' ||
			   (at[1] == '-' && at[2] != ']' &&
			    (unsigned char)at[2] < (unsigned char)at[0])) {
			return NULL;
		}
	}
	return at + 1;
}

/*
 * Could a program's base name match it? That is no path, no directory, and not
 * too long. What stands in brackets counts as balanced or not at all: "a] [b"
 * is a slip, not two patterns.
 */
static bool is_pattern(const char *pattern)
{
	const char *at = pattern;

	if (strlen(pattern) > PATTERN_MAX || strchr(pattern, '/') != NULL ||
	    strcmp(pattern, ".") == 0 || strcmp(pattern, "..") == 0)
		return false;
	while (at != NULL && *at != '\0') {
		if ((unsigned char)*at < ' ' || *at == 0x7f || *at == ']')
			return false;
		if (*at == '[')
			at = skip_set(at + 1);
		else if (*at == '\\' && at[1] == '\0')
			return false;
		else
			at += *at == '\\' ? 2 : 1;
	}
	return at != NULL;
}

/* Does one of the patterns match the program? Each is checked. */
static bool matches(struct reader *reader, char *patterns)
{
	bool found = false;
	char *rest;

	for (char *pattern = strtok_r(patterns, PP_SEPARATORS, &rest);
	     pattern != NULL;
	     pattern = strtok_r(NULL, PP_SEPARATORS, &rest)) {
		if (!is_pattern(pattern))
			FAIL(reader,
			     "\"%.80s\" is not valid: a section takes names "
			     "of programs, without a directory, or shell "
			     "patterns",
			     pattern);
		else if (fnmatch(pattern, reader->program, 0) == 0)
			found = true;
	}
	return found;
}

static void take_section(struct reader *reader, char *line)
{
	size_t length = strlen(line);
	bool closed = line[length - 1] == ']';

	if (!closed || strspn(line + 1, PP_SEPARATORS) == length - 2) {
		FAIL(reader, "\"%.80s\" is not valid: it takes [program]",
		     line);
		return;
	}
	line[length - 1] = '\0';
	snprintf(reader->section, sizeof(reader->section), "%s", line + 1);
	reader->applies = matches(reader, line + 1);
	reader->given = 0;
}

/* Writes behind "" the names that a file may have, in lower case. */
static void list_names(char *list, size_t size)
{
	const struct pp_setting *row = pp_server_settings;
	size_t length = 0;

	for (; row->name != NULL && length < size; row++) {
		if (!row->environment_only)
			snprintf(list + length, size - length, "%s%s",
				 length == 0 ? "" : ", ", row->name);
		length = strlen(list);
	}
	for (; *list != '\0'; list++)
		if (*list >= 'A' && *list <= 'Z')
			*list = (char)(*list - 'A' + 'a');
}

/* Takes a value; in a section of other programs it is only checked. */
static void take_value(struct reader *reader, const struct pp_setting *row,
		       const char *name, const char *value)
{
	char place[320];
	const struct pp_settings_origin origin = {
		reader->applies ? PP_FROM_FILE : PP_FROM_ELSEWHERE,
		reader->section, place,
	};

	snprintf(place, sizeof(place), "%s:%u: %s", reader->settings->config,
		 reader->line, name);
	pp_settings_set(pp_server_settings, row, value, &origin,
			reader->settings, reader->error);
}

static void take_assignment(struct reader *reader, char *line)
{
	char *equals = strchr(line, '=');
	const struct pp_setting *row;
	char *name, names[200] = "";
	unsigned bit;

	if (equals == NULL) {
		FAIL(reader,
		     "\"%.80s\" is not valid: a line takes name = value, "
		     "[program] or # comment",
		     line);
		return;
	}
	*equals = '\0';
	name = trim(line);
	row = pp_settings_find(pp_server_settings, name);
	if (row == NULL || row->environment_only) {
		list_names(names, sizeof(names));
		FAIL(reader, "\"%.80s\" is not a setting: there are %s", name,
		     names);
		return;
	}
	bit = 1u << (row - pp_server_settings);
	if (reader->given & bit) {
		FAIL(reader, "\"%s\" is given twice: a section takes it once",
		     name);
		return;
	}
	reader->given |= bit;
	take_value(reader, row, name, trim(equals + 1));
}

/* A line of that length, which is followed by a '\0'. */
static void take_line(struct reader *reader, char *line, size_t length)
{
	if (strlen(line) < length) {
		FAIL(reader, "%s", "has a NUL byte: it takes text");
		return;
	}
	line[strcspn(line, "#")] = '\0';
	line = trim(line);
	if (line[0] == '[')
		take_section(reader, line);
	else if (line[0] != '\0')
		take_assignment(reader, line);
}

void pp_settings_parse_file(char *text, size_t length, const char *program,
			    struct pp_settings *settings,
			    struct pp_settings_error *error)
{
	struct reader reader = { .program = program,
				 .settings = settings,
				 .error = error,
				 .applies = true };
	char *line = text, *end = text + length;

	/* editors of other systems put it there */
	if (length >= sizeof(BYTE_ORDER_MARK) - 1 &&
	    memcmp(line, BYTE_ORDER_MARK, sizeof(BYTE_ORDER_MARK) - 1) == 0)
		line += sizeof(BYTE_ORDER_MARK) - 1;
	while (line < end) {
		char *newline = memchr(line, '\n', (size_t)(end - line));
		char *stop = newline == NULL ? end : newline;

		*stop = '\0';
		reader.line++;
		take_line(&reader, line, (size_t)(stop - line));
		line = stop + 1;
	}
}

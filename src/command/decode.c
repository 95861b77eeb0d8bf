/* SPDX-License-Identifier: ISC */
/* proxyproto decode: reads a header and tells what it says. */
#include <config.h>

#include "command/command.h"
#include "command/describe.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Exit status where there is no valid header. */
#define EXIT_NOT_VALID 1

/* So much of what follows a header is shown. */
#define DATA_SHOWN 64

static const struct pp_option decode_options[] = {
	{ "hex", 'x', "[=DIGITS]",
	  "what is read is hexadecimal digits, or it is\n"
	  "these; blanks, colons, commas, 0x and \\x may\nstand between" },
	{ .name = NULL },
};

/* What was read so far. All of a header finds room. */
struct input {
	uint8_t bytes[PP_V2_MAX + 4096];
	size_t length;
	uint64_t beyond;	/* bytes that found no room */
};

static int hex_value(char digit)
{
	const char *const digits = "0123456789abcdef0123456789ABCDEF";
	const char *found = digit == '\0' ? NULL : strchr(digits, digit);

	return found == NULL ? -1 : (int)(found - digits) % 16;
}

/* Adds the bytes that digits stand for; NULL, or where they are no digits. */
static const char *add_digits(struct input *input, const char *text)
{
	while (*text != '\0') {
		const char *at = text;

		if (strchr(" \t\r\n:,", *text) != NULL) {
			text++;
			continue;
		}
		if ((text[0] == '0' || text[0] == '\\') &&
		    (text[1] == 'x' || text[1] == 'X')) {
			text += 2;
			at = text;
		}
		if (hex_value(at[0]) < 0 || hex_value(at[1]) < 0)
			return at;
		if (input->length == sizeof(input->bytes))
			input->beyond++;
		else
			input->bytes[input->length++] = (uint8_t)(
				hex_value(at[0]) << 4 | hex_value(at[1]));
		text = at + 2;
	}
	return NULL;
}

/* Reads a piece. Its size, 0 at the end, or -1: told. */
static ssize_t read_piece(int fd, const char *name, char *piece, size_t size)
{
	ssize_t got;

	do
		got = read(fd, piece, size);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		pp_complain(&pp_decode_command, "%s: %s", name,
			    strerror(errno));
	return got;
}

static void add_bytes(struct input *input, const char *piece, size_t size)
{
	const size_t room = sizeof(input->bytes) - input->length;
	const size_t taken = size < room ? size : room;

	memcpy(input->bytes + input->length, piece, taken);
	input->length += taken;
	input->beyond += size - taken;
}

/* Is it known by now what the bytes are? */
static bool is_decided(const struct input *input)
{
	struct pp_header header;

	return pp_header_parse(input->bytes, input->length, PP_VERSION_BOTH,
			       &header) != PP_HEADER_MORE;
}

/* What stands behind a valid header. */
static void print_data(const struct input *input)
{
	struct pp_header header;
	uint64_t length;
	size_t shown;

	if (pp_header_parse(input->bytes, input->length, PP_VERSION_BOTH,
			    &header) != PP_HEADER_COMPLETE)
		return;
	shown = input->length - header.length;
	length = shown + input->beyond;
	if (length == 0)
		return;
	if (shown > DATA_SHOWN)
		shown = DATA_SHOWN;
	pp_print_field("data");
	printf("%llu byte%s: ", (unsigned long long)length,
	       length == 1 ? "" : "s");
	pp_print_value(input->bytes + header.length, shown);
	puts(length > shown ? "..." : "");
}

static int tell_input(const struct input *input)
{
	pp_describe_header(input->bytes, input->length);
	print_data(input);
	return pp_describe_verdict(input->bytes, input->length)
		       ? 0
		       : EXIT_NOT_VALID;
}

/*
 * The fields are told as soon as they are known: who sends may wait for what
 * an answer says.
 */
static int decode_bytes(int fd, const char *name, struct input *input)
{
	bool told = false;
	char piece[4096];
	ssize_t got;

	while ((got = read_piece(fd, name, piece, sizeof(piece))) > 0) {
		add_bytes(input, piece, (size_t)got);
		if (!told && is_decided(input)) {
			pp_describe_header(input->bytes, input->length);
			fflush(stdout);
			told = true;
		}
	}
	if (got < 0)
		return PP_EXIT_OWN;
	if (!told)
		return tell_input(input);
	print_data(input);
	return pp_describe_verdict(input->bytes, input->length)
		       ? 0
		       : EXIT_NOT_VALID;
}

/* What is wrong with digits. */
static int fail_digits(const char *text, const char *bad)
{
	char shown[9];

	/* a terminal is not to obey them */
	snprintf(shown, sizeof(shown), "%s", bad);
	for (char *c = shown; *c != '\0'; c++)
		if (*c < ' ' || *c >= 0x7f)
			*c = '?';
	if (*bad == '\0' || bad[1] == '\0')
		return pp_complain(&pp_decode_command, "--hex: the last digit "
				   "stands alone: it takes pairs of them");
	return pp_complain(&pp_decode_command, "--hex: \"%s\", character %td,"
			   " is not valid: it takes pairs of hexadecimal "
			   "digits", shown, bad - text + 1);
}

static int decode_digits(int fd, const char *name, struct input *input)
{
	/* each byte may have four characters and some between */
	static char text[8 * sizeof(input->bytes)];
	size_t length = 0;
	const char *bad;
	ssize_t got;

	while (length < sizeof(text) - 1 &&
	       (got = read_piece(fd, name, text + length,
				 sizeof(text) - 1 - length)) != 0) {
		if (got < 0)
			return PP_EXIT_OWN;
		length += (size_t)got;
	}
	if (strlen(text) < length)
		return pp_complain(&pp_decode_command, "--hex: character %zu "
				   "is a NUL byte: it takes pairs of "
				   "hexadecimal digits", strlen(text) + 1);
	bad = add_digits(input, text);
	return bad != NULL ? fail_digits(text, bad) : tell_input(input);
}

static int decode_file(const char *name, bool hex, struct input *input)
{
	int fd = STDIN_FILENO;

	if (name == NULL || strcmp(name, "-") == 0)
		name = "standard input";
	else
		fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return pp_complain(&pp_decode_command, "%s: %s", name,
				   strerror(errno));
	return hex ? decode_digits(fd, name, input)
		   : decode_bytes(fd, name, input);
}

static int run_decode(int argc, char *argv[])
{
	static struct input input;
	const char *digits = NULL, *bad, *name;
	struct pp_given given;
	bool hex = false;

	while (pp_next_option(&pp_decode_command, argc, argv, &given)) {
		hex = true;
		digits = given.value;
	}
	name = argv[optind];
	if (name != NULL && digits == NULL)
		optind++;
	if (!pp_no_arguments(&pp_decode_command, argc, argv))
		return PP_EXIT_OWN;
	if (digits == NULL)
		return decode_file(name, hex, &input);
	bad = add_digits(&input, digits);
	return bad != NULL ? fail_digits(digits, bad) : tell_input(&input);
}

const struct pp_subcommand pp_decode_command = {
	.name = "decode",
	.summary = "read a header and tell what it says",
	.usage = "[OPTION...] [FILE]",
	.help = "Reads a header from FILE or standard input and tells every "
		"field and TLV of it,\nwhat follows it, and what is wrong with "
		"it at which byte. The exit status is 0\nwhere it is valid, 1 "
		"where not.\n",
	.examples = "  proxyproto decode capture.bin\n"
		    "  nc -l 127.0.0.1 9090 | proxyproto decode\n"
		    "  proxyproto decode --hex=0d0a0d0a000d0a515549540a20000000\n",
	.options = decode_options,
	.function = run_decode,
};

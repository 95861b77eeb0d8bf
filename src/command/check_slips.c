/* SPDX-License-Identifier: ISC */
/* What is wrong with how a program is served; see check.h. */
#include <config.h>

#include "command/check.h"
#include "command/supervising.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void pp_check_slip(struct pp_check *check, bool prevents, const char *name,
		   const char *advice, const char *format, ...)
{
	struct pp_slip *slip = &check->slips[check->slip_count];
	va_list arguments;

	/* one that prevents is not to be lost for want of room */
	if (prevents)
		check->is_served = false;
	if (check->slip_count == PP_SLIPS_MAX)
		return;
	check->slip_count++;
	slip->name = name;
	slip->advice = advice;
	slip->prevents = prevents;
	va_start(arguments, format);
	vsnprintf(slip->text, sizeof(slip->text), format, arguments);
	va_end(arguments);
}

void pp_check_reason(struct pp_check *check, const char *name,
		     const char *format, ...)
{
	struct pp_reason *reason = &check->reasons[check->reason_count];
	va_list arguments;

	if (check->reason_count == PP_REASONS_MAX)
		return;
	check->reason_count++;
	reason->name = name;
	va_start(arguments, format);
	vsnprintf(reason->text, sizeof(reason->text), format, arguments);
	va_end(arguments);
}

const char *pp_check_variable(const struct pp_check *check, const char *name)
{
	char **variable = check->environment;
	size_t length = strlen(name);

	for (; variable != NULL && *variable != NULL; variable++)
		if (strncmp(*variable, name, length) == 0 &&
		    (*variable)[length] == '=')
			return *variable + length + 1;
	return NULL;
}

static void check_trust(struct pp_check *check)
{
	if (check->settings.trusted.at != NULL)
		return;
	pp_check_slip(check, false, "trusts-everyone",
		      "Name the proxies in LIBPROXYPROTO_TRUSTED, or let only "
		      "them connect.",
		      "everyone can claim to be anybody: TRUSTED is not set");
	if (check->settings.must_use)
		pp_check_slip(check, false, "must-use-without-trusted",
			      "Set LIBPROXYPROTO_TRUSTED as well: a header "
			      "proves nothing of who wrote it.",
			      "MUST_USE_PROTOCOL_HEADER is set and TRUSTED is "
			      "not: everybody must claim, and can claim to be "
			      "anybody");
}

static void check_version(struct pp_check *check)
{
	if (check->settings.spp && !pp_check_has_datagrams(check))
		pp_check_slip(check, true, "version-spp",
			      "Leave LIBPROXYPROTO_VERSION out, or have it be "
			      "1, 2 or 3; for datagrams add --udp.",
			      "VERSION=spp is for datagrams: no header is "
			      "taken off a connection");
	else if (check->settings.versions == PP_VERSION_NONE &&
		 !check->settings.spp)
		pp_check_slip(check, true, "version-0",
			      "Have LIBPROXYPROTO_VERSION be 3, or give the "
			      "program a section with version = 3.",
			      "VERSION=0 switches it off");
}

static void check_ring(struct pp_check *check)
{
	/* a COMMAND has none yet */
	const bool has_one = check->process.pid != 0
				     ? check->has_ring
				     : check->program.kind == PP_PROGRAM_URING;

	if (has_one && strcmp(check->by, "preload") == 0)
		pp_check_slip(check, false, "io-uring",
			      "If clients are not told, run it by proxyproto "
			      "run --how=supervise, which has it do without.",
			      "uses io_uring: what it accepts by that is not "
			      "seen by a preloaded library");
}

static void check_privileges(struct pp_check *check)
{
	if (check->program.kind == PP_PROGRAM_PRIVILEGED &&
	    strcmp(check->by, "preload") == 0)
		pp_check_slip(check, false, "privileged",
			      "If clients are not told, run it by proxyproto "
			      "run --how=supervise.",
			      "executes programs as another effective user "
			      "than real one: the library is not loaded into "
			      "them");
}

static void check_notes(struct pp_check *check)
{
	if (!check->takes_notes)
		pp_check_slip(check, false, "no-notes",
			      "It takes Linux 5.3, and a sandbox that allows "
			      "setsockopt(2).",
			      "the kernel takes no notes: accept(2) tells the "
			      "client, getpeername(2) the proxy");
}

/* What a COMMAND would be refused that is to be supervised. */
static void check_supervising(struct pp_check *check)
{
	const bool is_preloadable =
		pp_program_is_preloadable(check->program.kind);
	const char *lacks = pp_supervising_lacks(&check->settings, false,
						 check->datagrams);
	char text[400];

	if (check->process.pid != 0 || strcmp(check->by, "supervise") != 0)
		return;
	if (lacks != NULL)
		pp_check_slip(check, true, "not-supervisable",
			      is_preloadable
				      ? "Use --how=preload."
				      : "Leave it out: no library can be "
					"preloaded into this program.",
			      "--%s: it would be supervised, which cannot do "
			      "that", lacks);
	else if (!pp_supervising_works(text, sizeof(text)))
		pp_check_slip(check, true, "cannot-supervise",
			      is_preloadable
				      ? "Allow it, or use --how=preload."
				      : "Allow it: no library can be preloaded "
					"into this program.",
			      "%s", text);
}

/* Those that make no difference to a program which is not served. */
static void check_safety(struct pp_check *check)
{
	check_trust(check);
	check_ring(check);
	check_privileges(check);
	check_notes(check);
}

void pp_check_judge(struct pp_check *check)
{
	check->is_served = check->by != NULL;
	pp_check_loading(check);
	pp_check_settings(check);
	/* what a bad setting would be, nobody knows */
	if (check->error.text[0] != '\0')
		return;
	check_version(check);
	pp_check_ports(check);
	if (check->is_served)
		check_supervising(check);
	if (check->is_served)
		check_safety(check);
}

int pp_check_status(const struct pp_check *check)
{
	if (!check->is_served)
		return 1;
	return check->slip_count > 0 ? 2 : 0;
}

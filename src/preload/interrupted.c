/* SPDX-License-Identifier: ISC */
/* Calls that a signal ends, or not; see interrupted.h. */
#include <config.h>

#include "preload/interrupted.h"

#include <signal.h>
#include <stddef.h>

bool pp_handlers_restart(void)
{
	struct sigaction action;

	for (int number = 1; number < NSIG; number++)
		if (sigaction(number, NULL, &action) == 0 &&
		    action.sa_handler != SIG_DFL &&
		    action.sa_handler != SIG_IGN &&
		    !(action.sa_flags & SA_RESTART))
			return false;
	return true;
}

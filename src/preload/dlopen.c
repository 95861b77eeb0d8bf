/* SPDX-License-Identifier: ISC */
/*
 * dlopen without RTLD_DEEPBIND, with which a library would find the functions
 * of the C library before ours: PHP loads its extensions so.
 *
 * dlopen looks at its return address for who calls it: whose RUNPATH applies,
 * what $ORIGIN is, in which namespace it is. So this is no function that calls
 * it, but one that takes the flag off and jumps there, with the stack as it
 * was. Only an assembler can write that. Elsewhere there is no such hook; see
 * PP_DLOPEN in configure.ac.
 */
#include <config.h>

#ifdef PP_DLOPEN

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_OF(number) #number
#define NUMBER_TEXT(number) TEXT_OF(number)
#define DEEPBIND NUMBER_TEXT(RTLD_DEEPBIND)

typedef void *(*open_function)(const char *path, int flags);

/*
 * Where the hook jumps to; it calls this first, with its arguments put aside.
 * Never NULL.
 */
__attribute__((used)) open_function pp_dlopen_behind(void);

/* In place of what is not there. */
static void *open_nothing(const char *path, int flags)
{
	(void)path;
	(void)flags;
	return NULL;
}

/*
 * It is looked up here, not when the program starts: who calls dlopen waits for
 * the dynamic linker's lock in any case.
 */
open_function pp_dlopen_behind(void)
{
	const uintptr_t address = (uintptr_t)dlsym(RTLD_NEXT, "dlopen");
	const open_function function = (open_function)address;

	return function != NULL ? function : open_nothing;
}

/* In a section of its own, as all functions are. */
#define BEGIN                                          \
	".pushsection .text.dlopen, \"ax\", %progbits\n" \
	".p2align 4\n"                                 \
	".globl dlopen\n"                              \
	".type dlopen, %function\n"
#define END                       \
	".size dlopen, .-dlopen\n" \
	".popsection\n"

#if defined(__x86_64__)
__asm__(BEGIN
	"dlopen:\n"
	".cfi_startproc\n"
	"	endbr64\n"
	"	pushq	%rdi\n"
	".cfi_adjust_cfa_offset 8\n"
	"	pushq	%rsi\n"
	".cfi_adjust_cfa_offset 8\n"
	"	subq	$8, %rsp\n"
	".cfi_adjust_cfa_offset 8\n"
	"	call	pp_dlopen_behind\n"
	"	addq	$8, %rsp\n"
	".cfi_adjust_cfa_offset -8\n"
	"	popq	%rsi\n"
	".cfi_adjust_cfa_offset -8\n"
	"	popq	%rdi\n"
	".cfi_adjust_cfa_offset -8\n"
	"	andl	$~" DEEPBIND ", %esi\n"
	"	jmp	*%rax\n"
	".cfi_endproc\n"
	END);
#elif defined(__i386__)
/* The arguments are on the stack, and the callee's to change. */
__asm__(BEGIN
	"dlopen:\n"
	".cfi_startproc\n"
	"	endbr32\n"
	"	subl	$12, %esp\n"
	".cfi_adjust_cfa_offset 12\n"
	"	call	pp_dlopen_behind\n"
	"	addl	$12, %esp\n"
	".cfi_adjust_cfa_offset -12\n"
	"	andl	$~" DEEPBIND ", 8(%esp)\n"
	"	jmp	*%eax\n"
	".cfi_endproc\n"
	END);
#elif defined(__aarch64__)
/* The hints are paciasp, to which one may also jump (BTI), and autiasp. */
__asm__(BEGIN
	"dlopen:\n"
	".cfi_startproc\n"
	"	hint	#25\n"
	".cfi_negate_ra_state\n"
	"	stp	x29, x30, [sp, #-32]!\n"
	".cfi_adjust_cfa_offset 32\n"
	".cfi_offset 29, -32\n"
	".cfi_offset 30, -24\n"
	"	mov	x29, sp\n"
	"	stp	x0, x1, [sp, #16]\n"
	"	bl	pp_dlopen_behind\n"
	"	mov	x16, x0\n"
	"	ldp	x0, x1, [sp, #16]\n"
	"	ldp	x29, x30, [sp], #32\n"
	".cfi_adjust_cfa_offset -32\n"
	".cfi_restore 29\n"
	".cfi_restore 30\n"
	"	hint	#29\n"
	".cfi_negate_ra_state\n"
	"	bic	w1, w1, #" DEEPBIND "\n"
	"	br	x16\n"
	".cfi_endproc\n"
	END);
#elif defined(__arm__)
__asm__(".syntax unified\n"
	BEGIN
	".arm\n"
	"dlopen:\n"
	".fnstart\n"
	"	push	{r0, r1, r2, lr}\n"
	".save {lr}\n"
	".pad #12\n"
	"	bl	pp_dlopen_behind\n"
	"	mov	ip, r0\n"
	"	pop	{r0, r1, r2, lr}\n"
	"	bic	r1, r1, #" DEEPBIND "\n"
	"	bx	ip\n"
	".fnend\n"
	END);
#endif

#endif /* PP_DLOPEN */

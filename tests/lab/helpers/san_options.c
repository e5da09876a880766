/* SPDX-License-Identifier: MIT */
/*
 * san_options.c - linked into programs built with a sanitizer: its options
 * cannot come from the environment, which is the caller's, and a report cannot
 * go to stderr, which is the caller's too.  LOG is the beginning of the name
 * of the file it goes to.
 */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

/* The search for leaks stops the process with ptrace, which a setuid program
 * cannot have. */
const char *__asan_default_options(void)
{
	return "detect_leaks=0:log_path=" LOG ":exitcode=86:"
	       "detect_stack_use_after_return=1:strict_string_checks=1";
}

const char *__ubsan_default_options(void)
{
	return "print_stacktrace=1:log_path=" LOG;
}

/*
 * The BIOS's entry points: reset, the interrupt vectors, and the way into the services written in C.
 *
 * A service runs on a stack of its own in the extended BIOS data area (EBDA), with DS = ES = SS = EBDA and GS = the ROM,
 * so that C may take pointers to its variables. The caller's registers are copied there and back.
 */
    .code16
    .set EBDA, 0x9FC0
    .set STACK_TOP, 0x400
    .set FRAME, 42              /* pushal, DS, ES; then what INT pushed: IP, CS, FLAGS */

    .section .reset, "ax"
    ljmp $0xF000, $post
    .ascii "11/21/26"

    /* A loader that wants another program started than the boot sector writes IP, CS, SP and SS here. */
    .section .direct, "a"
    .globl direct
direct:
    .skip 8

    .text
    .globl post
post:
    cli
    cld
    mov $EBDA, %ax
    mov %ax, %ss
    mov $STACK_TOP, %esp
    mov %ax, %ds
    mov %ax, %es
    xor %edi, %edi              /* clear the EBDA: the variables */
    mov $0x100, %ecx
    xor %eax, %eax
    rep stosl
    mov $0xF000, %ax
    mov %ax, %gs
    xor %ax, %ax                /* vectors: 08h-0Fh and 70h-77h end their interrupt, all others return */
    mov %ax, %es
    xor %di, %di
    mov $0x100, %cx
1:  mov $ignore, %ax
    stosw
    mov $0xF000, %ax
    stosw
    loop 1b
    mov $8 * 4, %di
    mov $master_stray, %bx
    call set_eight
    mov $0x70 * 4, %di
    mov $slave_stray, %bx
    call set_eight
    mov $vectors, %si
2:  mov %gs:(%si), %di
    test %di, %di
    jz 3f
    mov %gs:2(%si), %ax
    stosw
    add $4, %si
    jmp 2b
3:  mov $EBDA, %ax
    mov %ax, %es
    calll power_on
    sti
    int $0x19

set_eight:
    mov $8, %cx
1:  mov %bx, %ax
    stosw
    add $2, %di
    loop 1b
    ret

vectors:
    .macro vector number, handler
    .word \number * 4, \handler
    .endm
    vector 0x06, invalid
    vector 0x08, timer
    vector 0x09, keyboard
    vector 0x10, video
    vector 0x11, equipment
    vector 0x12, memory_size
    vector 0x13, disk
    vector 0x14, serial
    vector 0x15, system
    vector 0x16, keys
    vector 0x17, printer
    vector 0x18, no_boot
    vector 0x19, boot
    vector 0x1A, clock
    .word 0

ignore:
    iret

slave_stray:
    push %ax
    mov $0x20, %al
    out %al, $0xA0
    out %al, $0x20
    pop %ax
    iret
master_stray:
    push %ax
    mov $0x20, %al
    out %al, $0x20
    pop %ax
    iret

/* IRQ 0, 18.2 times a second: the ticks since midnight at 0040:006C, then the user's hook. */
timer:
    push %ds
    push %ax
    mov $0x40, %ax
    mov %ax, %ds
    incl 0x6C
    cmpl $0x1800B0, 0x6C
    jb 1f
    movl $0, 0x6C
    movb $1, 0x70
1:  int $0x1C
    mov $0x20, %al
    out %al, $0x20
    pop %ax
    pop %ds
    iret

    .macro service name, function
\name:
    pushal
    push %ds
    push %es
    mov $\function, %bx
    jmp into_c
    .endm
    service invalid, int06
    service keyboard, on_key
    service video, int10
    service equipment, int11
    service memory_size, int12
    service disk, int13
    service serial, int14
    service system, int15
    service keys, int16
    service printer, int17
    service no_boot, int18
    service boot, int19
    service clock, int1a

/* BX: a C function void(struct frame *). On the caller's stack: FRAME bytes of registers. */
into_c:
    cld
    mov %ss, %dx
    mov %sp, %si
    movzwl %si, %esi
    push %fs
    push %gs
    mov $EBDA, %ax
    cmp %ax, %dx                /* an interrupt of the BIOS itself stays on its stack */
    mov %sp, %cx
    je 1f
    mov $STACK_TOP, %cx
1:  movzwl %cx, %ecx
    mov %ax, %ss
    mov %ecx, %esp
    mov %ax, %es
    mov %dx, %ds
    push %dx                    /* where the caller's registers are */
    push %si
    sub $FRAME, %sp
    mov %sp, %di
    mov $FRAME, %cx
    rep movsb
    mov %ax, %ds
    mov $0xF000, %ax
    mov %ax, %gs
    movzwl %sp, %eax
    movzwl %bx, %ebx
    pushl %eax
    calll *%ebx
    popl %eax
    mov %sp, %si                /* and back */
    add $FRAME, %sp
    pop %di
    pop %es
    mov %es, %dx
    mov %di, %bx
    mov $FRAME, %cx
    rep movsb
    sub $4, %bx                 /* FS and GS lie below the registers */
    mov %dx, %ss
    movzwl %bx, %esp
    pop %gs
    pop %fs
    pop %es
    pop %ds
    popal
    iret

/* void start(u16 ip, u16 cs, u16 sp, u16 ss, u8 drive): leaves the BIOS for a boot sector or a kernel's setup code. */
    .globl start
start:
    mov 4(%esp), %ebx
    mov 8(%esp), %ecx
    mov 12(%esp), %edi
    mov 16(%esp), %eax
    mov 20(%esp), %edx
    mov %ax, %ss
    movzwl %di, %esp
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %fs
    mov %ax, %gs
    pushw $0x202
    push %cx
    push %bx
    xor %eax, %eax
    xor %ebx, %ebx
    xor %ecx, %ecx
    xor %esi, %esi
    xor %edi, %edi
    xor %ebp, %ebp
    iret

    .section .note.GNU-stack, "", @progbits

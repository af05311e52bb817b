// The guest of tests/kvm/batch.h, loaded at 1000h: its drivers, handlers and interrupt stubs.
// Addresses and structures are those of tests/kvm/batch.cpp.
        .set INDEX, 0x500
        .set COUNT, 0x504
        .set PAGING, 0x508
        .set TABLE, 0x2000              // 64 bytes each: eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi
        .set RESULTS, 0x3000            // 64 bytes each: vector, error, eip, cs, eflags, eax ... edi, cr2
        .set DIRECTORY, 0x4000
        .set STACK, 0x10000             // of ring 0, TSS.ESP0
        .set END_VECTOR, 0x40
        .set DEFINED_FLAGS, 0xCD5       // CF PF AF ZF SF DF OF

        .section .rodata
        .globl ringside_batch_guest, ringside_batch_real, ringside_batch_stubs, ringside_batch_stubs16
        .globl ringside_batch_end
        .balign 16
ringside_batch_guest:
// ---- protected mode
        .code32
        mov $0x28, %ax
        ltr %ax
        cmpl $0, PAGING
        je next
        mov $DIRECTORY, %eax
        mov %eax, %cr3
        mov %cr4, %eax
        or $0x10, %eax                  // PSE
        mov %eax, %cr4
        mov %cr0, %eax
        or $0x80010000, %eax            // PG, WP
        mov %eax, %cr0
next:
        mov $STACK, %esp
        mov $0x33, %eax
        mov %eax, %fs
        mov INDEX, %esi
        cmp COUNT, %esi
        jae done
        shl $6, %esi
        add $TABLE, %esi
        push $0x23
        pushl 24(%esi)
        pushl 4(%esi)
        push $0x1B
        pushl (%esi)
        mov 8(%esi), %eax
        mov 12(%esi), %ecx
        mov 16(%esi), %edx
        mov 20(%esi), %ebx
        mov 28(%esi), %ebp
        mov 36(%esi), %edi
        mov 32(%esi), %esi
        iret
done:
        out %al, $0xF4
        hlt

common:                                 // vector, error, eip, cs, eflags, esp, ss
        push %esi
        mov $0x23, %esi
        mov %esi, %ds
        mov %esi, %es
        mov INDEX, %esi
        shl $6, %esi
        add $RESULTS, %esi
        mov %eax, 20(%esi)
        mov %ecx, 24(%esi)
        mov %edx, 28(%esi)
        mov %ebx, 32(%esi)
        mov %ebp, 40(%esi)
        mov %edi, 48(%esi)
        pop %eax
        mov %eax, 44(%esi)
        pop %edx
        mov %edx, (%esi)
        pop 4(%esi)
        pop 8(%esi)
        pop 12(%esi)
        pop %eax
        cmp $END_VECTOR, %edx           // a fault may come amid flags that an instruction left undefined
        jne 1f
        and $DEFINED_FLAGS, %eax
        mov %eax, 16(%esi)
1:      pop 36(%esi)
        cmp $14, %edx
        jne 1f
        mov %cr2, %eax
        mov %eax, 52(%esi)
1:      cld
        incl INDEX
        jmp next

        .balign 16
ringside_batch_stubs:
        .set vector, 0
        .rept 66
        .balign 16
        .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17)
        push $0
        .endif
        push $vector
        jmp common
        .set vector, vector + 1
        .endr

// ---- real mode
        .balign 16
ringside_batch_real:
        .code16
next16:
        xor %ax, %ax
        mov %ax, %ds
        mov %ax, %es
        mov %ax, %ss
        movl INDEX, %esi
        cmpl COUNT, %esi
        jae done16
        shl $6, %esi
        addl $TABLE, %esi
        movl 24(%esi), %esp
        pushw 4(%esi)
        pushw $0x1000
        pushw (%esi)
        movl 8(%esi), %eax
        movl 12(%esi), %ecx
        movl 16(%esi), %edx
        movl 20(%esi), %ebx
        movl 28(%esi), %ebp
        movl 36(%esi), %edi
        movl 32(%esi), %esi
        iretw
done16:
        out %al, $0xF4
        hlt

common16:                               // vector, ip, cs, flags, 16 bits each
        pushl %esi
        pushw $0
        popw %ds
        movl INDEX, %esi
        shl $6, %esi
        addl $RESULTS, %esi
        movl %eax, 20(%esi)
        movl %ecx, 24(%esi)
        movl %edx, 28(%esi)
        movl %ebx, 32(%esi)
        movl %ebp, 40(%esi)
        movl %edi, 48(%esi)
        popl %eax
        movl %eax, 44(%esi)
        xorl %edx, %edx
        popw %dx
        movl %edx, (%esi)
        popw 8(%esi)
        popw 12(%esi)
        popw %ax
        movl %esp, 36(%esi)
        movw $0, -2(%esp)               // no undefined flags are to stay on the stack
        cmpw $END_VECTOR, %dx
        jne 1f
        andw $DEFINED_FLAGS, %ax
        movw %ax, 16(%esi)
1:      cld
        incl INDEX
        jmp next16

        .balign 16
ringside_batch_stubs16:
        .set vector, 0
        .rept 66
        .balign 16
        pushw $vector
        jmp common16
        .set vector, vector + 1
        .endr
ringside_batch_end:

        .section .note.GNU-stack, "", @progbits

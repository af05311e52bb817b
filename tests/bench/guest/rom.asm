; The image in a 64 KiB ROM at the top of 4 GiB, for emulators that boot nothing else: from the reset vector to 32-bit
; protected mode, copy it to 1 MiB, go.
bits 16
org 0
org 0
kern: incbin "bench.bin"
kend:
align 16
s16: cli
  in al,0x92
  or al,2
  and al,0xfe
  out 0x92,al
  o32 lgdt [cs:gp]
  mov eax,cr0
  or al,1
  mov cr0,eax
  jmp dword 8:(0xffff0000+pm)
bits 32
pm: mov ax,16
  mov ds,ax
  mov es,ax
  mov ss,ax
  mov fs,ax
  mov gs,ax
  mov esp,0x7000
  cld
  mov esi,0xffff0000+kern
  mov edi,0x100000
  mov ecx,(kend-kern+3)/4
  rep movsd
  mov eax,0x100000
  jmp eax
align 8
gdt: dq 0,0x00cf9a000000ffff,0x00cf92000000ffff
gp: dw 23
 dd 0xffff0000+gdt
times 0xfff0-($-$$) db 0
bits 16
 jmp near s16
times 0x10000-($-$$) db 0

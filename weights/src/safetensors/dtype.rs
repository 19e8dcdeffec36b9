//! Types of elements.

use std::fmt;

macro_rules! dtypes {
    ($($(#[$doc:meta])* $name:ident $text:literal $bits:literal;)*) => {
        /// The type of a tensor's elements: those that the reference implementation (0.8) knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Dtype {
            $($(#[$doc])* $name,)*
        }

        impl Dtype {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The type that a header calls `name`.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its name in a header.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The size of an element in bits. Some are smaller than a byte; a tensor is always a whole number of bytes.
            pub fn bits(self) -> u64 {
                match self {
                    $(Self::$name => $bits,)*
                }
            }
        }
    };
}

dtypes! {
    /// A truth value in a byte.
    Bool "BOOL" 8;
    /// OCP MX v1.0, FP4 (E2M1).
    F4 "F4" 4;
    /// OCP MX v1.0, FP6 with two bits of exponent.
    F6E2M3 "F6_E2M3" 6;
    /// OCP MX v1.0, FP6 with three bits of exponent.
    F6E3M2 "F6_E3M2" 6;
    /// Unsigned, 8 bits.
    U8 "U8" 8;
    /// Signed, 8 bits.
    I8 "I8" 8;
    /// FP8 (arXiv:2209.05433) with five bits of exponent.
    F8E5M2 "F8_E5M2" 8;
    /// FP8 (arXiv:2209.05433) with four bits of exponent.
    F8E4M3 "F8_E4M3" 8;
    /// OCP MX v1.0, a scale: eight bits of exponent.
    F8E8M0 "F8_E8M0" 8;
    /// FP8 (arXiv:2206.02915), finite, without a negative zero, four bits of exponent.
    F8E4M3Fnuz "F8_E4M3FNUZ" 8;
    /// FP8 (arXiv:2206.02915), finite, without a negative zero, five bits of exponent.
    F8E5M2Fnuz "F8_E5M2FNUZ" 8;
    /// Signed, 16 bits.
    I16 "I16" 16;
    /// Unsigned, 16 bits.
    U16 "U16" 16;
    /// IEEE 754, 16 bits.
    F16 "F16" 16;
    /// The upper half of an IEEE 754 number of 32 bits.
    Bf16 "BF16" 16;
    /// Signed, 32 bits.
    I32 "I32" 32;
    /// Unsigned, 32 bits.
    U32 "U32" 32;
    /// IEEE 754, 32 bits.
    F32 "F32" 32;
    /// Complex, two of IEEE 754's 32 bits.
    C64 "C64" 64;
    /// IEEE 754, 64 bits.
    F64 "F64" 64;
    /// Signed, 64 bits.
    I64 "I64" 64;
    /// Unsigned, 64 bits.
    U64 "U64" 64;
}

impl fmt::Display for Dtype {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

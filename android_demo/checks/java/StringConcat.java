import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.commons.GeneratorAdapter;
import org.objectweb.asm.commons.Method;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.InvokeDynamicInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;

/** A concatenation by StringConcatFactory, as a private method with a StringBuilder. */
final class StringConcat implements Opcodes {
    private static final Type BUILDER = Type.getType(StringBuilder.class);
    private static final Type STRING = Type.getType(String.class);
    private static final char ARGUMENT = 1, CONSTANT = 2;

    private StringConcat() {}

    /** Adds the method to `owner` and returns the call of it. */
    static MethodInsnNode call(ClassNode owner, InvokeDynamicInsnNode dynamic) {
        int access = ACC_PRIVATE | ACC_STATIC | ACC_SYNTHETIC;
        String name = "concat$" + owner.methods.size();
        MethodNode method = new MethodNode(ASM9, access, name, dynamic.desc, null, null);
        GeneratorAdapter code = new GeneratorAdapter(method, access, name, dynamic.desc);
        code.visitCode();
        code.newInstance(BUILDER);
        code.dup();
        code.invokeConstructor(BUILDER, Method.getMethod("void <init> ()"));
        int argument = 0, constant = 1;
        for (char part : ((String) dynamic.bsmArgs[0]).toCharArray()) {
            if (part == ARGUMENT) {
                Type type = Type.getArgumentTypes(dynamic.desc)[argument];
                code.loadArg(argument++);
                append(code, type);
            } else if (part == CONSTANT) {
                code.push(dynamic.bsmArgs[constant++].toString());
                append(code, STRING);
            } else {
                code.push(part);
                append(code, Type.CHAR_TYPE);
            }
        }
        code.invokeVirtual(BUILDER, Method.getMethod("String toString ()"));
        code.returnValue();
        code.endMethod();
        owner.methods.add(method);
        return new MethodInsnNode(INVOKESTATIC, owner.name, name, dynamic.desc, (owner.access & ACC_INTERFACE) != 0);
    }

    private static void append(GeneratorAdapter code, Type type) {
        boolean isObject = type.getSort() >= Type.ARRAY && !type.equals(STRING);
        boolean isSmall = type.equals(Type.BYTE_TYPE) || type.equals(Type.SHORT_TYPE);
        Type known = isObject ? Type.getType(Object.class) : isSmall ? Type.INT_TYPE : type;
        code.invokeVirtual(BUILDER, new Method("append", BUILDER, new Type[] {known}));
    }
}

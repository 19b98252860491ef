import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.objectweb.asm.Handle;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.commons.GeneratorAdapter;
import org.objectweb.asm.commons.Method;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.FieldNode;
import org.objectweb.asm.tree.InvokeDynamicInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;

/**
 * The class that LambdaMetafactory would make while the program runs: a field for each captured value, and the
 * interface's method, which calls the lambda's body. One without captures is made once, as there.
 */
final class LambdaClass implements Opcodes {
    private static final int FLAG_SERIALIZABLE = 1, FLAG_MARKERS = 2, FLAG_BRIDGES = 4;
    private static final Type OBJECT = Type.getType(Object.class);

    final ClassNode node = new ClassNode();
    private final InvokeDynamicInsnNode dynamic;
    private final Handle body;
    private final MethodInsnNode call;
    private final Type self, face;
    private final Type[] captures;
    private final Method constructor;

    LambdaClass(String name, InvokeDynamicInsnNode dynamic, PrivateAccess access) {
        this.dynamic = dynamic;
        body = (Handle) dynamic.bsmArgs[1];
        call = new MethodInsnNode(opcode(body), body.getOwner(), body.getName(), body.getDesc(), body.isInterface());
        access.use(name, call);
        self = Type.getObjectType(name);
        face = Type.getReturnType(dynamic.desc);
        captures = Type.getArgumentTypes(dynamic.desc);
        constructor = new Method("<init>", Type.VOID_TYPE, captures);
        node.version = V1_8;
        node.access = ACC_FINAL | ACC_SUPER | ACC_SYNTHETIC;
        node.name = name;
        node.superName = OBJECT.getInternalName();
        Set<String> faces = new LinkedHashSet<>(List.of(face.getInternalName()));
        Set<String> descriptors = new LinkedHashSet<>(List.of(((Type) dynamic.bsmArgs[0]).getDescriptor()));
        if (dynamic.bsm.getName().equals("altMetafactory")) readExtras(faces, descriptors);
        node.interfaces = new ArrayList<>(faces);
        addConstructor();
        for (String descriptor : descriptors) addMethod(descriptor);
        if (captures.length == 0) addInstance(); else addFactory();
    }

    /** What takes the place of the invokedynamic. */
    AbstractInsnNode creation() {
        return captures.length == 0
            ? new FieldInsnNode(GETSTATIC, node.name, "INSTANCE", self.getDescriptor())
            : new MethodInsnNode(INVOKESTATIC, node.name, "create", dynamic.desc, false);
    }

    private void readExtras(Set<String> faces, Set<String> descriptors) {
        Object[] arguments = dynamic.bsmArgs;
        int flags = (Integer) arguments[3], at = 4;
        if ((flags & FLAG_SERIALIZABLE) != 0) faces.add("java/io/Serializable");
        if ((flags & FLAG_MARKERS) != 0) {
            for (int n = (Integer) arguments[at++]; n > 0; n--) faces.add(((Type) arguments[at++]).getInternalName());
        }
        if ((flags & FLAG_BRIDGES) != 0) {
            for (int n = (Integer) arguments[at++]; n > 0; n--) descriptors.add(((Type) arguments[at++]).getDescriptor());
        }
    }

    private void addConstructor() {
        GeneratorAdapter code = begin(0, constructor);
        code.loadThis();
        code.invokeConstructor(OBJECT, Method.getMethod("void <init> ()"));
        for (int i = 0; i < captures.length; i++) {
            node.fields.add(new FieldNode(ACC_FINAL, "capture" + i, captures[i].getDescriptor(), null, null));
            code.loadThis();
            code.loadArg(i);
            code.putField(self, "capture" + i, captures[i]);
        }
        code.returnValue();
        code.endMethod();
    }

    /** The interface's method, or a bridge to it that takes and gives more general types. */
    private void addMethod(String descriptor) {
        Type exact = (Type) dynamic.bsmArgs[2];
        boolean makesObject = body.getTag() == H_NEWINVOKESPECIAL;
        GeneratorAdapter code = begin(ACC_PUBLIC | ACC_FINAL, new Method(dynamic.name, descriptor));
        if (makesObject) {
            code.newInstance(Type.getObjectType(body.getOwner()));
            code.dup();
        }
        List<Type> wanted = new ArrayList<>(List.of(Type.getArgumentTypes(call.desc)));
        if (call.getOpcode() != INVOKESTATIC && !makesObject) wanted.add(0, Type.getObjectType(call.owner));
        for (int i = 0; i < captures.length; i++) {
            code.loadThis();
            code.getField(self, "capture" + i, captures[i]);
            Conversion.write(code, captures[i], wanted.get(i));
        }
        Type[] given = Type.getArgumentTypes(descriptor);
        for (int i = 0; i < given.length; i++) {
            code.loadArg(i);
            Conversion.write(code, given[i], exact.getArgumentTypes()[i]);
            Conversion.write(code, exact.getArgumentTypes()[i], wanted.get(captures.length + i));
        }
        call.clone(Map.of()).accept(code);
        Type result = makesObject ? Type.getObjectType(body.getOwner()) : Type.getReturnType(call.desc);
        Conversion.write(code, result, exact.getReturnType());
        Conversion.write(code, exact.getReturnType(), Type.getReturnType(descriptor));
        code.returnValue();
        code.endMethod();
    }

    private void addInstance() {
        node.fields.add(new FieldNode(ACC_STATIC | ACC_FINAL, "INSTANCE", self.getDescriptor(), null, null));
        GeneratorAdapter code = begin(ACC_STATIC, Method.getMethod("void <clinit> ()"));
        code.newInstance(self);
        code.dup();
        code.invokeConstructor(self, constructor);
        code.putStatic(self, "INSTANCE", self);
        code.returnValue();
        code.endMethod();
    }

    private void addFactory() {
        GeneratorAdapter code = begin(ACC_STATIC, new Method("create", face, captures));
        code.newInstance(self);
        code.dup();
        code.loadArgs();
        code.invokeConstructor(self, constructor);
        code.returnValue();
        code.endMethod();
    }

    private GeneratorAdapter begin(int access, Method signature) {
        MethodNode method = new MethodNode(ASM9, access, signature.getName(), signature.getDescriptor(), null, null);
        node.methods.add(method);
        GeneratorAdapter code = new GeneratorAdapter(method, access, method.name, method.desc);
        code.visitCode();
        return code;
    }

    private static int opcode(Handle body) {
        switch (body.getTag()) {
            case H_INVOKESTATIC: return INVOKESTATIC;
            case H_INVOKEVIRTUAL: return INVOKEVIRTUAL;
            case H_INVOKEINTERFACE: return INVOKEINTERFACE;
            default: return INVOKESPECIAL;
        }
    }
}
